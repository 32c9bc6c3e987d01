//! `Ancestral`: Algorithm 2, the sampler of Ho et al. 2020, which reverses every step of the forward process.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Sampler, Step};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::{Error, Result};
use crate::process::Process;

/// Ancestral sampling: from each `x_t` draws `x_{t-1} ~ p_theta(x_{t-1} | x_t)`, for `t = T, …, 1`. See
/// [`reverse_step`].
///
/// Ho et al. 2020, Algorithm 2.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ancestral {
    /// The variance of the noise in its steps.
    pub variance: ReverseVariance,
}

/// The variance `sigma_t^2` of the noise that the reverse process adds at step `t`.
///
/// Both are extreme cases in which the reverse step is exact: [`Beta`](Self::Beta) if `x_0` is Gaussian noise,
/// [`Posterior`](Self::Posterior) if it is a single point. Ho et al. 2020, section 3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReverseVariance {
    /// `sigma_t^2 = beta_t`
    #[default]
    Beta,
    /// `sigma_t^2 = (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t) beta_t`, the variance of `q(x_{t-1} | x_t, x_0)`
    Posterior,
}

/// One step back, from `t` to the time `to` before it: draws `x_{t-1} ~ p_theta(x_{t-1} | x_t)`.
///
/// ```text
/// x_{t-1} = 1 / sqrt(alpha_t) ( x_t - beta_t / sqrt(1 - alpha_bar_t) eps_theta(x_t, t) ) + sigma_t z,   z ~ N(0, I)
/// ```
/// Ho et al. 2020, Algorithm 2, lines 3 and 4. The last step, to `t = 0`, adds no noise: `z = 0`. For any process,
/// `sqrt(alpha_t)` is the factor by which the forward step reduces the signal, and `beta_t` the variance of the noise
/// that it adds.
///
/// # Shapes
/// `x_t`: `[N, D]` or `[N, C, H, W]`; so is `x` of the step.
///
/// # Errors
/// [`Error::Timestep`] unless `0 <= to < t` and `t` is within the process; errors of the denoiser.
pub fn reverse_step(
    denoiser: &dyn Denoiser,
    process: &dyn Process,
    variance: ReverseVariance,
    x_t: &Tensor,
    t: f64,
    to: f64,
) -> Result<Step> {
    check_times(process, t, to)?;
    let sqrt_alpha = process.signal(t) / process.signal(to);
    let (noise, noise_before) = (process.noise(t), process.noise(to));
    let beta = (noise.powi(2) - (sqrt_alpha * noise_before).powi(2)).max(0.0);

    let Denoised { x0, eps, .. } = denoiser.denoise(x_t, t)?;
    let mean = (x_t - beta / noise * eps) / sqrt_alpha;
    let sigma = match variance {
        ReverseVariance::Beta => beta.sqrt(),
        ReverseVariance::Posterior => beta.sqrt() * noise_before / noise,
    };
    let x = if to > 0.0 { mean + sigma * x_t.randn_like() } else { mean };
    Ok(Step { x, predicted_x0: x0 })
}

fn check_times(process: &dyn Process, t: f64, to: f64) -> Result<()> {
    if 0.0 <= to && to < t && t <= process.end() {
        return Ok(());
    }
    let expected = format!("a step from t, at most {}, back to a time from 0 to below t", process.end());
    Err(Error::Timestep { expected, got: format!("from {t} to {to}") })
}

impl Sampler for Ancestral {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        let Some(steps) = process.steps() else {
            let problem = "the sampler ancestral needs a process with steps, and this one has none (its times are real numbers): use ddim";
            return Err(Error::Unsupported(problem.to_owned()));
        };
        Ok((0..=steps).rev().map(|t| t as f64).collect())
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        reverse_step(denoiser, process, self.variance, x, from, to)
    }
}
