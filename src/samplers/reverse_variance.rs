//! `ReverseVariance`: how much noise ancestral sampling adds in a step.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::denoisers::Denoised;
use crate::error::{Error, Result};
use crate::process::{Posterior, Process};

/// The variance `sigma_t^2` of the noise that the reverse process adds at step `t`.
///
/// The first two are extreme cases in which the reverse step is exact: [`Beta`](Self::Beta) if `x_0` is Gaussian noise,
/// [`Posterior`](Self::Posterior) if it is a single point. Ho et al. 2020, section 3.2. In general, that of Gaussian noise is `beta_t u / v` with the
/// variances `u` of `x_{t-1}` and `v` of `x_t`, which are both 1 in a process that preserves the variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReverseVariance {
    /// `sigma_t^2 = beta_t`
    #[default]
    Beta,
    /// `sigma_t^2 = (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t) beta_t = beta~_t`, the variance of `q(x_{t-1} | x_t, x_0)`
    Posterior,
    /// `sigma_t^2 = sqrt( beta_t beta~_t )`, halfway between the two in the logarithm. Nichol & Dhariwal 2021, equation 15 with `v = 1/2`
    Interpolated,
    /// `sigma_t^2 = beta~_t + ( a(t-1) beta_t / s(t)^2 )^2 V`, where `V = s(t)^2 / a(t)^2 ( 1 - E[eps_theta^2] )` is the variance that `x_0` has once
    /// `x_t` is known: the variance that maximizes the likelihood. Bao et al. 2022 (Analytic-DPM), theorems 1 and 2. Here the mean `E` is over the
    /// samples of the chain in place of the training data: draw many, and all from one distribution (no guidance). `V` is at most 1, as for data
    /// in `[-1, 1]`.
    Analytic,
    /// `sigma_t^2 = exp( v ln beta_t + ( 1 - v ) ln beta~_t )`, with the `v` that the network predicts for each number of `x_t`:
    /// [`LearnedVariance`](crate::parameterizations::LearnedVariance). Nichol & Dhariwal 2021, equation 15
    Learned,
}

impl ReverseVariance {
    /// The variance of a step from `t` to `to`: a single number or, if the network predicts it, one for each number of `x_t`. The last step, to
    /// `t = 0`, adds no noise; its variance, which the likelihood needs, is `beta_t` for [`Posterior`](Self::Posterior), too.
    /// [`Analytic`](Self::Analytic) depends on all samples together.
    ///
    /// # Shapes
    /// `seen`: what the denoiser predicts from `x_t`, `[N, …]`. Returns `[]` or `[N, …]`, in the type of `seen`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for [`Learned`](Self::Learned) if the network predicts no variance.
    pub fn variance(self, process: &dyn Process, t: f64, to: f64, seen: &Denoised) -> Result<Tensor> {
        if let Some(fixed) = self.fixed(process, t, to) {
            return Ok(Tensor::from(fixed).to_kind(seen.eps.kind()));
        }
        let posterior = Posterior::of(process, t, to);
        if self == Self::Learned {
            let log = |variance: f64| Tensor::from(variance.ln()).to_kind(seen.eps.kind());
            let smallest = Posterior::smallest_variance(process, t, to);
            return seen.learned_variance(&log(smallest), &log(posterior.variance_of_noise));
        }
        let unknown: Tensor = 1.0 - seen.eps.square().mean(Kind::Double).clamp(0.0, 1.0);
        let of_x0 = match process.signal(t) {
            // x_t says nothing about x_0.
            0.0 => unknown.ones_like(),
            a => (unknown * (process.noise(t) / a).powi(2)).clamp_max(1.0),
        };
        // Without anything unknown, the last step has no variance, and the likelihood of a density no bound.
        let least = if to > 0.0 { 0.0 } else { 1e-6 * Posterior::smallest_variance(process, t, to) };
        let variance: Tensor = (posterior.variance + posterior.of_x0.powi(2) * of_x0).clamp_min(least);
        Ok(variance.to_kind(seen.eps.kind()))
    }

    /// The variance of a step from `t` to `to` if it depends on the process alone; otherwise `None`.
    pub fn fixed(self, process: &dyn Process, t: f64, to: f64) -> Option<f64> {
        let largest = Posterior::of(process, t, to).variance_of_noise;
        let smallest = Posterior::smallest_variance(process, t, to);
        match self {
            Self::Beta => Some(largest),
            Self::Posterior => Some(if to > 0.0 { smallest } else { largest }),
            Self::Interpolated => Some((largest * smallest).sqrt()),
            Self::Analytic | Self::Learned => None,
        }
    }
}

impl Denoised {
    /// The variance that the network predicts, between the logarithms of the smallest and the largest.
    pub(crate) fn learned_variance(&self, ln_smallest: &Tensor, ln_largest: &Tensor) -> Result<Tensor> {
        let Some(share) = &self.variance_share else { return Err(no_learned_variance()) };
        Ok((share * (ln_largest - ln_smallest) + ln_smallest).exp())
    }
}

/// The error for a network that does not predict the variance.
fn no_learned_variance() -> Error {
    Error::Unsupported(
        "this model does not predict the variance of the reverse steps: train one with the parameterization learned-variance, or use \
         the variance beta, posterior, interpolated or analytic"
            .to_owned(),
    )
}
