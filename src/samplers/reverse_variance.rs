//! `ReverseVariance`: how much noise ancestral sampling adds in a step.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::process::Process;

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
}

impl ReverseVariance {
    /// The standard deviation `sigma_t` of the noise in a step from `t` to `to`: a single number. `eps`: the predicted noise, `[N, …]`.
    pub(super) fn sigma(self, process: &dyn Process, t: f64, to: f64, eps: &Tensor) -> Tensor {
        let (noise, noise_before) = (process.noise(t), process.noise(to));
        let sqrt_alpha = process.signal(t) / process.signal(to);
        let beta = (noise.powi(2) - (sqrt_alpha * noise_before).powi(2)).max(0.0);
        let posterior = beta * (noise_before / noise).powi(2);
        let of_noise = |t: f64| process.signal(t).powi(2) + process.noise(t).powi(2);
        let largest = beta * of_noise(to) / of_noise(t);
        let sigma = match self {
            Self::Beta => largest.sqrt(),
            Self::Posterior => posterior.sqrt(),
            Self::Interpolated => (largest * posterior).powf(0.25),
            Self::Analytic => {
                let unknown: Tensor = 1.0 - eps.square().mean(Kind::Double).clamp(0.0, 1.0);
                let of_x0 = match process.signal(t) {
                    // x_t says nothing about x_0.
                    0.0 => unknown.ones_like(),
                    a => (unknown * (noise / a).powi(2)).clamp_max(1.0),
                };
                let share = (process.signal(to) * beta / noise.powi(2)).powi(2);
                let variance: Tensor = posterior + share * of_x0;
                return variance.sqrt().to_kind(eps.kind());
            }
        };
        Tensor::from(sigma).to_kind(eps.kind())
    }
}
