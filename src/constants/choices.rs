//! What can be chosen of a diffusion process: the variance of its reverse steps, and how often training sees each timestep.

use serde::{Deserialize, Serialize};

/// The variance `sigma_t^2` of the noise that the reverse process adds at step `t`.
///
/// Both are extremes for which the reverse step is exact: [`Beta`](Self::Beta) if `x_0` is Gaussian noise,
/// [`Posterior`](Self::Posterior) if it is a single point. Ho et al. 2020, section 3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReverseVariance {
    /// `sigma_t^2 = beta_t`
    Beta,
    /// `sigma_t^2 = (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t) beta_t`, the variance of `q(x_{t-1} | x_t, x_0)`
    Posterior,
}

/// How often each timestep is drawn in training: the distribution `p(t)` of Algorithm 1, line 3.
///
/// Drawing `t ~ p(t)` has the expected gradient of drawing uniformly and weighing the loss at `t` by `T p(t)`, without
/// spending work on samples that then hardly count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimestepSampling {
    /// `p(t) = 1 / T`. Ho et al. 2020, Algorithm 1.
    Uniform,
    /// `p(t)` proportional to `1 / (1 + SNR(t)) = 1 - alpha_bar_t`: fewer steps at which hardly any noise is left to see, more of those at
    /// which shapes come about. The weights of Choi et al. 2022, "Perception Prioritized Training of Diffusion Models", with
    /// `k = 1` and `gamma = 1`.
    PerceptionPrioritized,
}
