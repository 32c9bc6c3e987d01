//! `ReverseDiffusion`: the step of the forward process, with its own discretization, backwards.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::reverse_sde::{length, renoised};
use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;

/// The reverse diffusion sampler: discretizes the reverse SDE as the forward step discretizes the SDE. One network call per step.
///
/// ```text
/// x_t  = r x_to + q z,   r = a(t) / a(to),   q^2 = s(t)^2 - r^2 s(to)^2
/// x_to = (2 - r) x_t + q^2 score(x_t, t) + q z,   z ~ N(0, I)
/// ```
/// Song et al. 2021, appendix E, equation 46: the forward step adds `(r - 1) x`, and the step back subtracts it. For VE, `r = 1` and
/// `q^2 = s(t)^2 - s(to)^2`; for VP, `r = sqrt(1 - beta)` and `q^2 = beta`. Ancestral sampling is `( x_t + q^2 score ) / r` and noise, which
/// differs by terms of `beta^2`.
///
/// The last step, to `t = 0`, returns the predicted data, without noise; a step from almost pure noise draws from `q(x_to | x_0)` with the
/// predicted data.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReverseDiffusion {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

impl Sampler for ReverseDiffusion {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.layout.times(process, self.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let length = length(process, from, to)?;
        let known = denoiser.denoise(x, from)?;
        if length.is_none() {
            return Ok(renoised(process, known, to));
        }
        let r = process.signal(from) / process.signal(to);
        let q2 = (process.noise(from).powi(2) - (r * process.noise(to)).powi(2)).max(0.0);
        let x = (2.0 - r) * x - q2 / process.noise(from) * &known.eps + q2.sqrt() * x.randn_like();
        Ok(Step { x, predicted_x0: known.x0 })
    }
}
