//! What solvers of the reverse SDE share: its drift, and the steps in which it has none.

use tch::Tensor;

use super::Step;
use super::direction::require_steps_back;
use super::exponential::finite_step;
use crate::denoisers::Denoised;
use crate::error::Result;
use crate::process::Process;

/// The length `h = from - to` of a step of the SDE; `None` for a step to `t = 0`, where a denoiser cannot be called, and from almost
/// pure noise, where the drift is very large.
///
/// # Errors
/// [`Error::Timestep`](crate::Error::Timestep) for a step that does not go back within the process.
pub(super) fn length(process: &dyn Process, from: f64, to: f64) -> Result<Option<f64>> {
    require_steps_back(process, from, to, false)?;
    Ok(finite_step(process, from, to).map(|_| from - to))
}

/// The drift of the reverse SDE, in the direction in which sampling moves, with the score `- eps / s`.
///
/// ```text
/// dx = b(x, t) dr + g(t) dw,   b(x, t) = - f(t) x + g(t)^2 score(x, t),   r = end - t
/// ```
/// Song et al. 2021, equation 6.
pub(super) fn drift(process: &dyn Process, x: &Tensor, t: f64, eps: &Tensor) -> Tensor {
    -process.drift(t) * x - process.diffusion(t).powi(2) / process.noise(t) * eps
}

/// The step of first order if [`length`] is `None`: draws from `q(x_to | x_0)` with the predicted data; at `t = 0` it is this data, without noise.
/// From almost pure noise, which says little about `x_to`, only the variance that `x_0` still has is left out.
///
/// ```text
/// x_to = a(to) x_0 + s(to) z,   z ~ N(0, I)
/// ```
pub(super) fn renoised(process: &dyn Process, known: Denoised, to: f64) -> Step {
    let mean = process.signal(to) * &known.x0;
    let x = if to > 0.0 { mean + process.noise(to) * known.x0.randn_like() } else { mean };
    Step { x, predicted_x0: known.x0 }
}
