//! `Ancestral`: Algorithm 2, the sampler of Ho et al. 2020, which reverses the steps of the forward process.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::by_coordinate::ancestral_step;
use super::direction::require_steps_back;
use super::{ReverseVariance, Sampler, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;

/// Ancestral sampling: from each `x_t` draws `x_{t-1} ~ p_theta(x_{t-1} | x_t)`, for `t = T, …, 1`. See
/// [`reverse_step`].
///
/// Ho et al. 2020, Algorithm 2. With fewer steps it is the strided sampler of Nichol & Dhariwal 2021, section 4: `beta_t` becomes the
/// variance of the noise that the forward process adds between the two times.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ancestral {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// How the steps are spaced.
    pub layout: StepLayoutConfig,
    /// The variance of the noise in its steps.
    pub variance: ReverseVariance,
}

impl Ancestral {
    /// All steps of the process, with this variance.
    pub fn with_variance(variance: ReverseVariance) -> Self {
        Self { variance, ..Self::default() }
    }
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
/// [`Error::Timestep`](crate::Error::Timestep) unless `0 <= to < t` and `t` is within the process; errors of the denoiser.
pub fn reverse_step(
    denoiser: &dyn Denoiser,
    process: &dyn Process,
    variance: ReverseVariance,
    x_t: &Tensor,
    t: f64,
    to: f64,
) -> Result<Step> {
    require_steps_back(process, t, to, false)?;
    if !process.is_scalar() {
        return ancestral_step(denoiser, process, variance, x_t, [t, to]);
    }
    let sqrt_alpha = process.signal(t) / process.signal(to);
    let beta = (process.noise(t).powi(2) - (sqrt_alpha * process.noise(to)).powi(2)).max(0.0);

    let seen = denoiser.denoise(x_t, t)?;
    let mean = match sqrt_alpha > 0.0 {
        true => (x_t - beta / process.noise(t) * &seen.eps) / sqrt_alpha,
        // At the end of a process that leaves no signal, x_t says nothing about x_{t-1}.
        false => process.signal(to) * &seen.x0,
    };
    let x = match to > 0.0 {
        true => mean + variance.variance(process, t, to, &seen)?.sqrt() * process.draw(&Tensor::from(to), x_t)?,
        false => mean,
    };
    Ok(Step { x, predicted_x0: seen.x0 })
}

impl Sampler for Ancestral {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.layout.times(process, self.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        reverse_step(denoiser, process, self.variance, x, from, to)
    }
}
