//! The variational bound of each sample, from one random term.

use tch::{Kind, Tensor};

use super::noised::Noised;
use super::{Batch, Loss};
use crate::error::{Error, Result};
use crate::likelihood::{nats_of_each, require_gaussian_noise};
use crate::model::Model;
use crate::process::Process;
use crate::samplers::ReverseVariance;

/// `L_{t-1} / p(t)` of each sample, in bits per dimension, at a step drawn from `p`. `variance`: that of the reverse steps, unless the network
/// predicts it.
pub(super) fn bound_of_each(
    model: &Model,
    process: &dyn Process,
    batch: &Batch,
    variance: ReverseVariance,
    p: &[f64],
) -> Result<Loss> {
    let t = Tensor::from_slice(p).multinomial(batch.x0.size()[0], true) + 1;
    let noised = Noised::at(model, process, batch, t)?;
    let seen = noised.denoise(model)?;
    let variance = if seen.variance_share.is_some() { ReverseVariance::Learned } else { variance };
    let times: Vec<f64> = Vec::try_from(&noised.t.to_kind(Kind::Double))?;
    let weights: Vec<f64> = times.iter().map(|t| 1.0 / p[*t as usize - 1]).collect();
    let bits = nats_of_each(process, &batch.x0, &seen, variance, &times)? / std::f64::consts::LN_2;
    let weights = Tensor::from_slice(&weights).to_kind(bits.kind()).to_device(bits.device());
    Ok(Loss { t: Some(noised.t), by_sample: weights * bits })
}

/// `T`, which the terms of the bound need. Rejects a process whose noise is not Gaussian.
pub(super) fn steps_of(process: &dyn Process, objective: &str) -> Result<usize> {
    require_gaussian_noise(process)?;
    process.steps().ok_or_else(|| {
        Error::Unsupported(format!(
            "the objective {objective} adds up the terms of single steps, and this process has none: use the process discrete, or weighted with the \
             weighting max-likelihood"
        ))
    })
}
