//! `SdeDpmSolverPp2m`: DPM-Solver++ (2M) as a solver of the SDE, with fresh noise at every step.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::direction::require_steps_back;
use super::{Sampler, SamplerSettings, Step, StepLayoutConfig};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::Result;
use crate::process::Process;

/// A multistep solver of the reverse SDE. It extrapolates the predicted data linearly in `lambda`, half of the logarithm of the
/// signal-to-noise ratio. One network call per step.
///
/// ```text
/// x_to = s(to) / s e^{-h} x + a(to) ( 1 - e^{-2h} ) D + s(to) sqrt( 1 - e^{-2h} ) z,   z ~ N(0, I)
/// D    = x_0 + h / (2 h_before) ( x_0 - x_0 before ),   h = lambda(to) - lambda(t),   lambda = ln( a / s )
/// ```
/// Lu et al. 2022 (DPM-Solver++), section 5 and algorithm 2. The first step, and the last step to `t = 0`, where `lambda` is infinite, are of first
/// order: `D = x_0`. The last step adds no noise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SdeDpmSolverPp2m {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

impl SdeDpmSolverPp2m {
    /// This many steps with this layout.
    pub fn new(steps: usize, layout: impl Into<StepLayoutConfig>) -> Self {
        Self { steps: Some(steps), layout: layout.into() }
    }
}

impl SamplerSettings for SdeDpmSolverPp2m {
    fn sampler(&self) -> Box<dyn Sampler> {
        Box::new(Solver { settings: self.clone(), before: None })
    }
}

/// The solver with its memory.
#[derive(Debug)]
struct Solver {
    settings: SdeDpmSolverPp2m,
    /// The predicted data of the step before, and that step's `h`.
    before: Option<(Tensor, f64)>,
}

impl Sampler for Solver {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.before = None;
        self.settings.layout.times(process, self.settings.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        require_steps_back(process, from, to, false)?;
        let Denoised { x0, .. } = denoiser.denoise(x, from)?;
        let h = (process.log_snr(to) - process.log_snr(from)) / 2.0;
        let extrapolated = match &self.before {
            Some((before, h_before)) if h.is_finite() && h_before.is_finite() => &x0 + h / (2.0 * h_before) * (&x0 - before),
            _ => x0.shallow_clone(),
        };
        let (signal, noise) = (process.signal(to), process.noise(to));
        let fresh = -(-2.0 * h).exp_m1();
        let mean = noise / process.noise(from) * (-h).exp() * x + signal * fresh * extrapolated;
        let x = if to > 0.0 { mean + noise * fresh.sqrt() * x.randn_like() } else { mean };
        self.before = Some((x0.shallow_clone(), h));
        Ok(Step { x, predicted_x0: x0 })
    }
}
