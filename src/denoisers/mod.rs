//! Denoisers: what a sampler sees of a model. A denoiser may stand around another one.

mod clipped;
mod gaussian;
mod guided;
mod mixture;
mod oracle;

use tch::Tensor;

pub use clipped::Clipped;
pub use gaussian::GaussianOracle;
pub use guided::Guided;
pub use mixture::MixtureOracle;

use crate::error::Result;
pub use crate::parameterizations::Denoised;

/// Tells data and noise in `x_t` apart: `D(x; sigma)` of Karras et al. 2022, section 2, and the noise that follows from it. A trained network is one in a [`Model`](crate::model::Model); a denoiser around another one
/// changes what that says.
///
/// Gradients are kept where `x_t` requires one. A chain switches them off: a denoiser that needs one within itself, as guidance does,
/// computes it by [`tch::with_grad`] on a detached `x_t`.
pub trait Denoiser {
    /// The data and the noise in `x_t`, all samples of which are at the time `t`, above 0.
    ///
    /// # Shapes
    /// `x_t`: `[N, …]`, in f32 or f64, which the result keeps.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for samples of another shape than it knows; its own.
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised>;
}
