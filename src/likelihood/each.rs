//! The terms of the bound for a batch in which each sample is at its own time, as in training.

use tch::{Device, Kind, Tensor};

use super::terms::{Values, gaussian_kl};
use crate::denoisers::Denoised;
use crate::device::sent;
use crate::error::{Error, Result};
use crate::process::{Posterior, Process};
use crate::samplers::ReverseVariance;

/// `L_{t-1}` of each sample at its own step `t`, in nats per number of a sample; `L_0` at `t = 1`. With gradients.
///
/// # Shapes
/// `x0`: `[N, …]`; `t`: the steps, `N` numbers from 1 to `T`; `seen`: what the model predicts from the `x_t`. Returns `[N]`, f32.
///
/// # Errors
/// [`Error::Unsupported`] for [`Analytic`](ReverseVariance::Analytic), which needs many samples at one time, and for
/// [`Learned`](ReverseVariance::Learned) if the network predicts no variance.
pub fn nats_of_each(
    process: &dyn Process,
    x0: &Tensor,
    seen: &Denoised,
    variance: ReverseVariance,
    t: &[f64],
) -> Result<Tensor> {
    let number = |of: &dyn Fn(f64) -> f64| number_of_each(x0, t, of);
    let posterior = |t: f64| Posterior::of(process, t, t - 1.0);
    let smallest = number(&|t| Posterior::smallest_variance(process, t, t - 1.0));
    let of_step = match variance {
        ReverseVariance::Analytic => {
            let problem = "the variance analytic is a mean over many samples at one time, which a batch does not have: use another one";
            return Err(Error::Unsupported(problem.to_owned()));
        }
        ReverseVariance::Learned => {
            let largest = number(&|t| posterior(t).variance_of_noise);
            seen.learned_variance(&smallest.log(), &largest.log())?
        }
        fixed => number(&|t| fixed.fixed(process, t, t - 1.0).unwrap_or(f64::NAN)),
    };
    let divergence = gaussian_kl(&(number(&|t| posterior(t).of_x0) * (x0 - &seen.x0)), &smallest, &of_step);
    let last = Values::of(x0).negative_log_likelihood(x0, &seen.x0, &of_step);
    let is_last = number(&|t| f64::from(t <= 1.0)).to_kind(Kind::Bool);
    Ok(last.where_self(&is_last, &divergence).flatten(1, -1).mean_dim(1, false, Kind::Float))
}

/// A function of the time of each sample, computed in f64, shaped to broadcast over `x0`.
fn number_of_each(x0: &Tensor, t: &[f64], of: &dyn Fn(f64) -> f64) -> Tensor {
    let values: Vec<f64> = t.iter().map(|t| of(*t)).collect();
    let mut shape = vec![1; x0.dim()];
    shape[0] = -1;
    let values = Tensor::from_slice(&values).to_kind(x0.kind()).view(&shape[..]);
    if x0.device() == Device::Cpu { values } else { sent(&values, x0.device()) }
}
