//! The steps of [`Ancestral`](super::Ancestral) and [`Ddim`](super::Ddim) on a process whose coordinates differ.

use tch::Tensor;

use super::direction::require_steps_back;
use super::{ReverseVariance, Step};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::{Error, Result};
use crate::process::{ByCoordinate, Process};

/// `beta`, the variance of the noise that the forward process adds from the time `to` to the time `from`.
fn added([a, s]: [f64; 2], [a_to, s_to]: [f64; 2]) -> f64 {
    (s.powi(2) - (a / a_to * s_to).powi(2)).max(0.0)
}

/// The step of Algorithm 2, with a factor for each coordinate in place of a number. See [`reverse_step`](super::reverse_step).
pub(super) fn ancestral_step(
    denoiser: &dyn Denoiser,
    process: &dyn Process,
    variance: ReverseVariance,
    x_t: &Tensor,
    [t, to]: [f64; 2],
) -> Result<Step> {
    let both = amounts(process, x_t, [t, to])?;
    if both.begins_without_noise() {
        return Err(Error::Unsupported(
            "ancestral sampling needs noise to remove; use ddim for a process without noise".to_owned(),
        ));
    }
    let sigma = |from: [f64; 2], to: [f64; 2]| {
        let posterior = added(from, to) * (to[1] / from[1]).powi(2);
        let of_noise = |[a, s]: [f64; 2]| a * a + s * s;
        let largest = added(from, to) * of_noise(to) / of_noise(from);
        match variance {
            ReverseVariance::Beta => largest.sqrt(),
            ReverseVariance::Posterior => posterior.sqrt(),
            _ => (largest * posterior).powf(0.25),
        }
    };
    if !matches!(variance, ReverseVariance::Beta | ReverseVariance::Posterior | ReverseVariance::Interpolated) {
        let problem = "this variance is for processes with the same noise in all coordinates: use beta, posterior or interpolated";
        return Err(Error::Unsupported(problem.to_owned()));
    }
    let Denoised { x0, eps, .. } = denoiser.denoise(x_t, t)?;
    let of_eps = both.factor_of_step(|from, to| added(from, to) / from[1]);
    let kept = both.factor_of_step(|[a, _], [a_to, _]| a / a_to);
    let mean = (x_t - of_eps * &eps) / &kept;
    let x = match to > 0.0 {
        true => mean + both.factor_of_step(sigma) * &process.draw(&Tensor::from(to), x_t)?,
        false => mean,
    };
    Ok(Step { x, predicted_x0: x0 })
}

/// The step of DDIM, with a factor for each coordinate in place of a number. Without noise it is algorithm 2 of cold diffusion:
///
/// ```text
/// x_to = x_t - D(x_0, t) + D(x_0, to)
/// ```
/// Bansal et al. 2022, where `D(x_0, t) = V A(t) V^T x_0`.
pub(super) fn ddim_step(
    denoiser: &dyn Denoiser,
    process: &dyn Process,
    eta: f64,
    x: &Tensor,
    [from, to]: [f64; 2],
) -> Result<Step> {
    require_steps_back(process, from, to, eta == 0.0)?;
    let both = amounts(process, x, [from, to])?;
    let Denoised { x0, eps, .. } = denoiser.denoise(x, from)?;
    let signal = both.factor_of_step(|_, [a_to, _]| a_to);
    if both.begins_without_noise() {
        let degraded = both.factor_of_step(|[a, _], _| a) * &x0;
        return Ok(Step { x: x - degraded + signal * &x0, predicted_x0: x0 });
    }
    let sigma = |from: [f64; 2], to: [f64; 2]| eta * to[1] / from[1] * added(from, to).sqrt();
    let left = both.factor_of_step(|from, to| (to[1].powi(2) - sigma(from, to).powi(2)).max(0.0).sqrt());
    let mean = signal * &x0 + left * &eps;
    let x = match eta > 0.0 && to > 0.0 {
        true => mean + both.factor_of_step(sigma) * &process.draw(&Tensor::from(to), x)?,
        false => mean,
    };
    Ok(Step { x, predicted_x0: x0 })
}

fn amounts(process: &dyn Process, x: &Tensor, times: [f64; 2]) -> Result<ByCoordinate> {
    let none = || Error::Unsupported("this process does not treat coordinates differently".to_owned());
    process.by_coordinate(&times, x)?.ok_or_else(none)
}
