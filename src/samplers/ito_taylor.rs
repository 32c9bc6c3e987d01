//! `ItoTaylor`: the Itô-Taylor scheme of strong order 1.5 for the reverse SDE, which follows each path of its noise.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::reverse_sde::{drift, length, renoised};
use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;

/// Expands the solution of the reverse SDE up to the terms of order 1.5. These contain how early in the step the noise arrives, `dZ`, and
/// derivatives of the drift, which a second call of the network replaces. Two network calls per step, one in the last.
///
/// ```text
/// dx   = b(x, r) dr + g(r) dw,   b = - f x + g^2 score,   r = end - t,   h = t - to
/// x_to = x + h b + g dW + (db/dx) g dZ + h^2/2 ( db/dr + (db/dx) b + g^2/2 Laplace b ) + g' ( h dW - dZ ) + …
/// ```
/// Kloeden & Platen 1992, equation 10.4.1, for additive noise. The same up to this order, without derivatives:
/// ```text
/// u    = x + 3h/4 b(x, t) + 3/2 g(to) dZ / h,   m = t - 3h/4
/// x_to = x + h/3 b(x, t) + 2h/3 b(u, m) + g(to) dW + ( g(t) - g(to) ) dZ / h
/// ```
/// Rößler 2010, scheme SRA1. The derivative-free scheme of Kloeden & Platen, section 11.2, would take two calls for each dimension of `x`,
/// and the ideal derivatives of Tachibana et al. 2021 are those of data that is a single point.
///
/// The last step, to `t = 0`, is of first order and adds no noise; a step from almost pure noise is of first order, too. An explicit method
/// needs short steps: where `g^2 h` is not small against the variance of `x`, it amplifies errors, more than [`SdeHeun`](super::SdeHeun) does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItoTaylor {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

/// What a step sees of the path of the noise `w`.
///
/// ```text
/// dW = w(h) - w(0),   dZ = integral from 0 to h of ( w(r) - w(0) ) dr
/// ```
/// Kloeden & Platen 1992, equation 10.4.2. Both are shaped like the samples.
#[derive(Debug)]
pub struct BrownianIncrements {
    /// `dW`, of variance `h`.
    pub dw: Tensor,
    /// `dZ`, of variance `h^3 / 3` and covariance `h^2 / 2` with `dW`.
    pub dz: Tensor,
}

impl BrownianIncrements {
    /// Draws the increments of a step of length `h`, from two standard normal numbers each; Kloeden & Platen 1992, equation 10.4.3.
    ///
    /// # Shapes
    /// Those of `x`, with its type.
    pub fn draw(x: &Tensor, h: f64) -> Self {
        let (z1, z2) = (x.randn_like(), x.randn_like());
        Self { dz: h.powf(1.5) / 2.0 * (&z1 + z2 / 3.0_f64.sqrt()), dw: h.sqrt() * z1 }
    }
}

impl ItoTaylor {
    /// The step with given noise: draws nothing. Times as in [`Sampler::step`], with signal at `from` and `to` above 0.
    ///
    /// # Errors
    /// Those of the denoiser.
    pub fn step_along(
        denoiser: &dyn Denoiser,
        process: &dyn Process,
        x: &Tensor,
        (from, to): (f64, f64),
        BrownianIncrements { dw, dz }: &BrownianIncrements,
    ) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        let (h, g, g_after) = (from - to, process.diffusion(from), process.diffusion(to));
        let slope = drift(process, x, from, &known.eps);
        let (inside, u) = (from - 0.75 * h, x + 0.75 * h * &slope + 1.5 * g_after / h * dz);
        let slope_inside = drift(process, &u, inside, &denoiser.denoise(&u, inside)?.eps);
        let x = x + h / 3.0 * slope + 2.0 * h / 3.0 * slope_inside + g_after * dw + (g - g_after) / h * dz;
        Ok(Step { x, predicted_x0: known.x0 })
    }
}

impl Sampler for ItoTaylor {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.layout.times(process, self.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        match length(process, from, to)? {
            Some(h) => Self::step_along(denoiser, process, x, (from, to), &BrownianIncrements::draw(x, h)),
            None => Ok(renoised(process, denoiser.denoise(x, from)?, to)),
        }
    }
}
