//! `ClassifierGuided`: the gradient of a classifier of noisy samples, added to the score.

use tch::Tensor;

use super::{check_strength, require_score};
use super::gradient::{LogProbability, add_to_score, with_gradient};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::Result;
use crate::process::Process;

/// Adds the gradient of a classifier's log probability to the score of another denoiser.
///
/// ```text
/// eps = eps(x_t) - scale s(t) grad_{x_t} ln p(y | x_t)
/// ```
/// Dhariwal & Nichol 2021, algorithm 2; by Bayes, the score of `p(x_t) p(y | x_t)^scale`. With the exact classifier and `scale` 1, it is the
/// denoiser of the class. The classifier has to know noisy samples at every `t`: one of clean data has no useful gradient there (but
/// [`PredictedGuided`](super::PredictedGuided) can use it).
///
/// The score follows from the noise, `- eps / s`, if the noise is Gaussian and independent of the data. In a flow with a
/// [coupling](crate::couplings) it is not independent, and guidance leads elsewhere.
///
/// `ln p(y | x_t)` can be that of a regressor, too: `- ( f(x_t, t) - y )^2 / ( 2 sigma^2 )`. Where no signal is left, nothing is guided.
pub struct ClassifierGuided<'a> {
    denoiser: &'a dyn Denoiser,
    process: &'a dyn Process,
    log_probability: &'a LogProbability<'a>,
    scale: f64,
}

impl<'a> ClassifierGuided<'a> {
    /// This denoiser with this classifier. `log_probability` returns `ln p(y | x_t)` of each sample, up to a constant.
    ///
    /// # Shapes
    /// `log_probability`: from `x_t`, `[N, …]`, and `t` to `[N]`.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a scale that is not finite; [`Error::Unsupported`](crate::Error::Unsupported) for noise that is
    /// not Gaussian.
    pub fn new(
        denoiser: &'a dyn Denoiser,
        process: &'a dyn Process,
        log_probability: &'a LogProbability<'a>,
        scale: f64,
    ) -> Result<Self> {
        require_score(process, "guidance by a classifier, which changes the score,")?;
        Ok(Self { denoiser, process, log_probability, scale: check_strength("scale of a classifier", scale)? })
    }
}

impl Denoiser for ClassifierGuided<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        let known = self.denoiser.denoise(x_t, t)?;
        if self.scale == 0.0 {
            return Ok(known);
        }
        let (gradient, ()) = with_gradient(x_t, |x| Ok(((self.log_probability)(x, t)?, ())))?;
        add_to_score(known, &(self.scale * gradient), self.process, x_t, t)
    }
}
