//! `ConsistentAnnealed`: from DDIM to ancestral sampling, and beyond.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::direction::require_steps_back;
use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::{Result, require};
use crate::process::Process;

/// Consistent annealed sampling: annealed Langevin dynamics with one step for each noise level, which adds exactly as much noise as the next level
/// needs. In terms of `y = x / a` and `sigma = s / a`, with `gamma = sigma(to) / sigma`:
///
/// ```text
/// y_to   = y + eta sigma^2 score + beta sigma(to) z,   z ~ N(0, I),   beta^2 = 1 - (1 - eta)^2 / gamma^2
/// eta    = 1 - gamma^p
/// ```
/// Jolicoeur-Martineau et al. 2021, "Adversarial score matching and improved sampling for image generation", section 3. There `eta` is constant
/// and the levels are geometric; with a power `p`, the levels may be any. Power 1 is [`Ddim`](super::Ddim), which adds no noise; power 2 is
/// ancestral sampling with the variance of the posterior; a large power predicts the data, and adds fresh noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsistentAnnealed {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// How the steps are spaced.
    pub layout: StepLayoutConfig,
    /// `p`, at least 1: a step keeps the fraction `gamma^p` of the noise in `y`.
    pub power: f64,
}

impl Default for ConsistentAnnealed {
    fn default() -> Self {
        Self { steps: None, layout: StepLayoutConfig::default(), power: 3.0 }
    }
}

impl Sampler for ConsistentAnnealed {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        let is_valid = self.power >= 1.0 && self.power.is_finite();
        require(is_valid, "ConsistentAnnealed.power", "a number of at least 1", self.power)?;
        self.layout.times(process, self.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let Denoised { x0, eps, .. } = denoiser.denoise(x, from)?;
        require_steps_back(process, from, to, self.power == 1.0)?;
        // 0 if there is no signal, since sigma is infinite.
        let gamma = process.noise(to) / process.signal(to) * process.signal(from) / process.noise(from);
        let kept = gamma.powf(self.power - 1.0);
        let fresh = (1.0 - kept.powi(2)).max(0.0).sqrt();
        let mean = process.signal(to) * &x0 + process.noise(to) * kept * eps;
        let added = process.noise(to) * fresh;
        let x = if added > 0.0 { mean + added * x.randn_like() } else { mean };
        Ok(Step { x, predicted_x0: x0 })
    }
}
