//! `Annealed`: consistent annealed sampling, from DDIM to ancestral sampling and beyond.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::{Result, require};
use crate::process::Process;

/// Annealed Langevin dynamics with one step per noise level, and with as much noise in it that the samples have exactly the next level. In
/// terms of `y = x / a` and `sigma = s / a`, with `gamma = sigma(to) / sigma`:
///
/// ```text
/// y_to   = y + eta sigma^2 score + beta sigma(to) z,   z ~ N(0, I),   beta^2 = 1 - (1 - eta)^2 / gamma^2
/// eta    = 1 - gamma^power
/// ```
/// Jolicoeur-Martineau et al. 2021, "Adversarial score matching and improved sampling for image generation", algorithm 1. There `eta` is constant
/// and the levels are geometric; with a `power`, the levels may be any. Power 1 is [`Ddim`](super::Ddim), which adds no noise; power 2 is
/// ancestral sampling with the variance of the posterior; a large power predicts the data, and noises it afresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Annealed {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// How the steps are spaced.
    pub layout: StepLayoutConfig,
    /// The power of `gamma` that is left of the noise in `x`, at least 1.
    pub power: f64,
}

impl Default for Annealed {
    fn default() -> Self {
        Self { steps: None, layout: StepLayoutConfig::default(), power: 3.0 }
    }
}

impl Sampler for Annealed {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        let is_valid = self.power >= 1.0 && self.power.is_finite();
        require(is_valid, "Annealed.power", "a number of at least 1", self.power)?;
        self.layout.times(process, self.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let Denoised { x0, eps, .. } = denoiser.denoise(x, from)?;
        // Of the next level, this is the share that is the noise in x; 0 where there is no signal, since sigma is infinite.
        let gamma = process.noise(to) / process.signal(to) * process.signal(from) / process.noise(from);
        let kept = gamma.powf(self.power - 1.0);
        let fresh = (1.0 - kept.powi(2)).max(0.0).sqrt();
        let mean = process.signal(to) * &x0 + process.noise(to) * kept * eps;
        let added = process.noise(to) * fresh;
        let x = if added > 0.0 { mean + added * x.randn_like() } else { mean };
        Ok(Step { x, predicted_x0: x0 })
    }
}
