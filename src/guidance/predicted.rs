//! `PredictedGuided`: the gradient of a function of the predicted data, through the denoiser.

use tch::Tensor;

use super::gradient::{add_to_score, with_gradient};
use super::{check_strength, require_score};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::Result;
use crate::process::Process;

/// A log probability of clean samples, `[N]`, as a function of `x_0`, `[N, …]`; up to a constant.
type OfData<'a> = dyn Fn(&Tensor) -> Result<Tensor> + 'a;

/// Guides with a log probability of clean data, evaluated on the data that the denoiser predicts.
///
/// ```text
/// eps = eps(x_t) - scale s(t) grad_{x_t} ln p( y | x_0(x_t) )
/// ```
/// Bansal et al. 2023 (Universal guidance), section 3.1; Chung et al. 2023 (DPS), section 3. Any differentiable function of images will do, such
/// as a classifier that never saw noise, or the similarity to a caption. The gradient goes through the denoiser, at about the cost of a
/// training step. It is not the gradient of `ln p(y | x_t)`, which is the mean over all `x_0` that `x_t` may come from.
///
/// The score follows from the noise, `- eps / s`, if the noise is Gaussian and independent of the data. In a flow with a
/// [coupling](crate::couplings) it is not independent, and guidance leads elsewhere.
pub struct PredictedGuided<'a> {
    denoiser: &'a dyn Denoiser,
    process: &'a dyn Process,
    log_probability: &'a OfData<'a>,
    scale: f64,
}

impl<'a> PredictedGuided<'a> {
    /// This denoiser, guided by this function of the predicted data.
    ///
    /// # Shapes
    /// `log_probability`: from `x_0`, `[N, …]`, to `[N]`.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a scale that is not finite; [`Error::Unsupported`](crate::Error::Unsupported) for noise that is
    /// not Gaussian.
    pub fn new(
        denoiser: &'a dyn Denoiser,
        process: &'a dyn Process,
        log_probability: &'a OfData<'a>,
        scale: f64,
    ) -> Result<Self> {
        require_score(process, "guidance by the predicted data, which changes the score,")?;
        Ok(Self { denoiser, process, log_probability, scale: check_strength("scale of guidance", scale)? })
    }
}

impl Denoiser for PredictedGuided<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        if self.scale == 0.0 {
            return self.denoiser.denoise(x_t, t);
        }
        let predict = |x: &Tensor| {
            let known = self.denoiser.denoise(x, t)?;
            Ok(((self.log_probability)(&known.x0)?, known))
        };
        let (gradient, known) = with_gradient(x_t, predict)?;
        add_to_score(known, &(self.scale * gradient), self.process, x_t, t)
    }
}
