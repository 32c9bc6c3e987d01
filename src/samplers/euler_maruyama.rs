//! `EulerMaruyama`: the simplest solver of the reverse SDE.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::reverse_sde::{drift, length, renoised};
use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;

/// The method of Euler and Maruyama for the reverse SDE: drift and diffusion stay as they are at the beginning of each step. One network call
/// per step.
///
/// ```text
/// dx   = b(x, t) dr + g(t) dw,   b(x, t) = - f(t) x + g(t)^2 score(x, t),   r = end - t,   h = t - to
/// x_to = x + h b(x, t) + sqrt(h) g(t) z,   z ~ N(0, I)
/// ```
/// Song et al. 2021, equation 6; Kloeden & Platen 1992, section 9.1. The errors of their moments are of order 1 in `h`. `h` is positive here: an
/// algorithm in which time runs backwards with a step `dt` below 0 adds noise of variance `g^2 |dt|`.
///
/// The last step, to `t = 0`, returns the predicted data, without noise; a step from almost pure noise draws from `q(x_to | x_0)` with the
/// predicted data. Steps are short enough if `g^2 h` is small against the variance of `x`; a longer one keeps a `g` that should
/// fall, and adds too much noise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EulerMaruyama {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

impl EulerMaruyama {
    /// The step with a given increment `dw` of Brownian motion, of variance `h`: draws nothing. Times as in [`Sampler::step`], with signal at
    /// `from` and `to` above 0.
    ///
    /// # Shapes
    /// `dw`: that of `x`.
    ///
    /// # Errors
    /// Those of the denoiser.
    pub fn step_along(
        denoiser: &dyn Denoiser,
        process: &dyn Process,
        x: &Tensor,
        (from, to): (f64, f64),
        dw: &Tensor,
    ) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        let x = x + (from - to) * drift(process, x, from, &known.eps) + process.diffusion(from) * dw;
        Ok(Step { x, predicted_x0: known.x0 })
    }
}

impl Sampler for EulerMaruyama {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.layout.times(process, self.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        match length(process, from, to)? {
            Some(h) => Self::step_along(denoiser, process, x, (from, to), &(h.sqrt() * x.randn_like())),
            None => Ok(renoised(process, denoiser.denoise(x, from)?, to)),
        }
    }
}
