//! Denoisers: what a sampler sees of a model. A denoiser can wrap another one.

mod clipped;
mod counted;
mod gaussian;
mod mixture;
mod oracle;

use tch::Tensor;

pub use clipped::Clipped;
pub use counted::Counted;
pub use gaussian::GaussianOracle;
pub use mixture::MixtureOracle;

use crate::error::Result;
pub use crate::parameterizations::Denoised;

/// Separates the data and the noise in `x_t`: `D(x; sigma)` of Karras et al. 2022, section 2, and the noise that
/// follows from it. A trained network becomes one through [`Model::denoiser`](crate::model::Model::denoiser); a
/// denoiser that wraps another one changes its result.
///
/// Gradients are kept if `x_t` requires them. A chain switches them off: a denoiser that needs one itself, as
/// classifier guidance does, computes it with [`tch::with_grad`] on a detached `x_t`.
pub trait Denoiser {
    /// The data and the noise in `x_t`, with all samples at the same time `t`, above 0.
    ///
    /// # Shapes
    /// `x_t`: `[N, …]`, in f32 or f64; the result has the same type.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for samples of another shape; errors of the implementation.
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised>;
}
