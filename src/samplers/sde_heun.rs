//! `SdeHeun`: Heun's method for the reverse SDE, a stochastic Runge-Kutta method of weak order 2.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::reverse_sde::{drift, length, renoised};
use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;

/// Takes the mean of the drifts of the reverse SDE at both ends of each step; both have the same noise. Two network calls per step,
/// one in the last.
///
/// ```text
/// dx   = b(x, t) dr + g(t) dw,   b(x, t) = - f(t) x + g(t)^2 score(x, t),   h = t - to
/// n    = sqrt(h) g( t - h/2 ) z,   z ~ N(0, I)
/// x'   = x + h b(x, t) + n
/// x_to = x + h/2 ( b(x, t) + b(x', to) ) + n
/// ```
/// Kloeden & Platen 1992, section 15.1: the explicit scheme of weak order 2 for additive noise. With `g` in the middle of the step the
/// variance of `n` is that of the SDE up to `h^3`. The moments of the samples are of order 2 in `h`, where those of Euler and Maruyama's
/// method are of order 1; each path is of order 1, as there, since it depends on how the noise arrives within a step, which
/// [`ItoTaylor`](super::ItoTaylor) takes into account.
///
/// The last step, to `t = 0`, is of first order and adds no noise; a step from almost pure noise is of first order, too. An explicit method
/// needs short steps: where `g^2 h` is not small against the variance of `x`, it amplifies errors.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SdeHeun {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

impl Sampler for SdeHeun {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.layout.times(process, self.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let length = length(process, from, to)?;
        let known = denoiser.denoise(x, from)?;
        let Some(h) = length else {
            return Ok(renoised(process, known, to));
        };
        let noise = h.sqrt() * process.diffusion(from - h / 2.0) * x.randn_like();
        let slope = drift(process, x, from, &known.eps);
        let ahead = x + h * &slope + &noise;
        let slope_ahead = drift(process, &ahead, to, &denoiser.denoise(&ahead, to)?.eps);
        let x = x + h / 2.0 * (slope + slope_ahead) + noise;
        Ok(Step { x, predicted_x0: known.x0 })
    }
}
