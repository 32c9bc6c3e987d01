//! The forward process: from data to noise in one step, and one step at a time.

use tch::Tensor;

use crate::constants::ConstantsManager;
use crate::error::{Error, Result};

/// Adds the noise of `t` steps at once: draws `x_t ~ q(x_t | x_0)` and returns it with the noise it was made from.
///
/// ```text
/// q(x_t | x_0) = N( x_t; sqrt(alpha_bar_t) x_0, (1 - alpha_bar_t) I )
/// x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps,   eps ~ N(0, I)
/// ```
/// Ho et al. 2020, equation 4.
///
/// # Shapes
/// `x0`: `[N, D]` points or `[N, C, H, W]` images, f32 in about `[-1, 1]`; `t`: `[N]` int64 in `1..=T`.
/// Returns `x_t` and `eps`, each shaped like `x0`.
///
/// # Errors
/// [`Error::Timestep`] for a `t` outside `1..=T`; [`Error::Shape`] where `x0` is not of the kind of data that the constants
/// are for, or `t` does not have one entry a sample; [`Error::Unsupported`] for samples that are not floating-point;
/// [`Error::Device`] for samples or timesteps on another device than the constants.
pub fn forward_diffusion(constants: &ConstantsManager, x0: &Tensor, t: &Tensor) -> Result<(Tensor, Tensor)> {
    one_timestep_a_sample(constants, x0, t)?;
    let eps = x0.randn_like();
    let x_t = add_noise(constants, x0, t, &eps)?;
    Ok((x_t, eps))
}

/// Adds the noise `eps`, as much as `t` steps add.
///
/// ```text
/// x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps
/// ```
/// Ho et al. 2020, equation 4.
///
/// # Shapes
/// `x0`, `t` and the result: as [`forward_diffusion`]; `eps` is shaped like `x0`.
///
/// # Errors
/// As [`forward_diffusion`]; [`Error::Shape`] for an `eps` of another shape.
pub fn add_noise(constants: &ConstantsManager, x0: &Tensor, t: &Tensor, eps: &Tensor) -> Result<Tensor> {
    one_timestep_a_sample(constants, x0, t)?;
    if eps.size() != x0.size() {
        return Err(Error::Shape { what: "noise", expected: format!("{:?}, that of x0", x0.size()), got: eps.size() });
    }
    let mean = x0 * constants.sqrt_alpha_cumulative_at(t)?;
    let std = constants.sqrt_one_minus_alpha_cumulative_at(t)?;
    Ok(mean + std * eps)
}

/// Adds the noise of one step: draws `x_t ~ q(x_t | x_{t-1})`. `t` such steps from `x_0` are what
/// [`forward_diffusion`] does at once.
///
/// ```text
/// x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) z,   z ~ N(0, I)
/// ```
/// Ho et al. 2020, equation 2.
///
/// # Shapes
/// `x_prev`: `[N, D]` or `[N, C, H, W]`; `t`: `[N]` int64 in `1..=T`, the step that is taken. Returns `x_t`.
///
/// # Errors
/// As [`forward_diffusion`].
pub fn forward_step(constants: &ConstantsManager, x_prev: &Tensor, t: &Tensor) -> Result<Tensor> {
    one_timestep_a_sample(constants, x_prev, t)?;
    let z = x_prev.randn_like();
    Ok(x_prev * constants.sqrt_alpha_at(t)? + constants.sqrt_beta_at(t)? * z)
}

fn one_timestep_a_sample(constants: &ConstantsManager, x: &Tensor, t: &Tensor) -> Result<()> {
    if x.dim() != constants.sample_dims() + 1 {
        let expected = if constants.sample_dims() == 1 { "[N, D], points" } else { "[N, C, H, W], images" };
        return Err(Error::Shape { what: "samples for these constants", expected: expected.to_owned(), got: x.size() });
    }
    if !x.is_floating_point() {
        return Err(Error::Unsupported(format!(
            "samples: expected f32, got {:?}; convert them with to_kind",
            x.kind()
        )));
    }
    if x.device() != constants.device() {
        return Err(Error::Device { what: "samples", expected: constants.device(), got: x.device() });
    }
    let n = x.size()[0];
    if t.size() != [n] {
        return Err(Error::Shape { what: "timesteps t", expected: format!("[{n}], one a sample"), got: t.size() });
    }
    Ok(())
}
