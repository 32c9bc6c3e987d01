//! The forward process: from data to noise, at once or one step at a time.

use tch::{Device, Tensor};

use super::{ConstantsManager, GAUSSIAN, Level, Process};
use crate::error::{Error, Result};
use crate::random::{self, Draws};

/// Adds the noise of `t` steps at once: draws `x_t ~ q(x_t | x_0)` and returns it with its noise.
///
/// ```text
/// q(x_t | x_0) = N( x_t; sqrt(alpha_bar_t) x_0, (1 - alpha_bar_t) I )
/// x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps,   eps ~ N(0, I)
/// ```
/// Ho et al. 2020, equation 4. A process may [draw](Process::draw) another `eps`.
///
/// # Shapes
/// `x0`: `[N, D]` points or `[N, C, H, W]` images, floating-point, in about `[-1, 1]`; `t`: `[N]`, int64 in `1..=T`, or
/// floating-point, above 0 and up to the end of the process. Returns `x_t` and `eps`, each shaped like `x0`.
///
/// # Errors
/// [`Error::Timestep`] for a `t` outside the process; [`Error::Shape`] if `t` does not have one entry per sample;
/// [`Error::Unsupported`] for samples that are not floating-point; [`Error::Device`] for times that are neither on the
/// CPU nor on the device of the samples.
pub fn forward_diffusion(process: &dyn Process, x0: &Tensor, t: &Tensor) -> Result<(Tensor, Tensor)> {
    check_samples(x0)?;
    let eps = process.draw(t, x0)?;
    let x_t = add_noise(process, x0, t, &eps)?;
    Ok((x_t, eps))
}

/// Adds the noise `eps` with the level of time `t`.
///
/// ```text
/// x_t = a(t) x_0 + s(t) eps
/// ```
/// With `a(t) = sqrt(alpha_bar_t)` and `s(t) = sqrt(1 - alpha_bar_t)`: Ho et al. 2020, equation 4.
///
/// # Shapes
/// `x0`, `t` and the result: as [`forward_diffusion`]; `eps` is shaped like `x0`.
///
/// # Errors
/// As [`forward_diffusion`]; [`Error::Shape`] or [`Error::Unsupported`] for an `eps` of another shape or kind.
pub fn add_noise(process: &dyn Process, x0: &Tensor, t: &Tensor, eps: &Tensor) -> Result<Tensor> {
    check_samples(x0)?;
    if eps.size() != x0.size() {
        return Err(Error::Shape {
            what: "noise",
            expected: format!("{:?}, the shape of x0", x0.size()),
            got: eps.size(),
        });
    }
    if eps.kind() != x0.kind() {
        return Err(Error::Unsupported(format!("noise: expected {:?} like x0, got {:?}", x0.kind(), eps.kind())));
    }
    let Level { signal, noise, .. } = Level::of_each(process, t, x0)?;
    Ok(&signal * x0 + &noise * eps)
}

/// Adds the noise of one step: draws `x_t ~ q(x_t | x_{t-1})`. `t` such steps from `x_0` are
/// equivalent to [`forward_diffusion`].
///
/// ```text
/// x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) z,   z ~ N(0, I)
/// ```
/// Ho et al. 2020, equation 2.
///
/// # Shapes
/// `x_prev`: `[N, D]` or `[N, C, H, W]`, with the dimensions that the constants are for; `t`: `[N]` int64 in `1..=T`,
/// the number of the step. Returns `x_t`.
///
/// # Errors
/// As [`forward_diffusion`]; [`Error::Shape`] for samples with other dimensions.
pub fn forward_step(constants: &ConstantsManager, x_prev: &Tensor, t: &Tensor) -> Result<Tensor> {
    check_samples(x_prev)?;
    constants.check_samples(x_prev, t)?;
    let z = x_prev.randn_like();
    Ok(x_prev * constants.sqrt_alpha_at(t)? + constants.sqrt_beta_at(t)? * z)
}

/// The noise of the process for samples at the times `t`, as it follows from `draws` alone: the same on every device, whatever
/// libtorch's generator has drawn.
///
/// # Shapes
/// As [`Process::draw`].
pub(crate) fn fixed_noise(process: &dyn Process, t: &Tensor, like: &Tensor, draws: &mut Draws) -> Result<Tensor> {
    if process.noise_kind() == GAUSSIAN {
        return Ok(draws.normal(&like.size(), like.device()));
    }
    let like_on_cpu = Tensor::f_empty(like.size(), (like.kind(), Device::Cpu))?;
    let eps = random::with_seed(draws.seed(), || process.draw(t, &like_on_cpu))?;
    Ok(eps.to_device(like.device()))
}

fn check_samples(x: &Tensor) -> Result<()> {
    if x.is_floating_point() {
        return Ok(());
    }
    Err(Error::Unsupported(format!("samples: expected f32 or f64, got {:?}; convert them with to_kind", x.kind())))
}
