//! `Simple`: Algorithm 1, the objective of Ho et al. 2020.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::noised::label;
use super::timesteps::TimestepSamplingConfig;
use super::{Batch, Loss, Objective, squared_error};
use crate::error::Result;
use crate::model::Model;
use crate::networks::Given;
use crate::process::{Level, Process};

/// `L_simple`: the mean squared error of the predicted noise, at one random time for each sample.
///
/// ```text
/// x_0 ~ q(x_0),   t ~ Uniform({1, …, T}),   eps ~ N(0, I)
/// take a gradient descent step on
///     grad_theta || eps - eps_theta( sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps, t ) ||^2
/// ```
/// Ho et al. 2020, Algorithm 1. A process may [draw](Process::draw) another `eps`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Simple {
    /// The distribution of the timesteps.
    pub timesteps: TimestepSamplingConfig,
}

impl Objective for Simple {
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss> {
        let t = self.timesteps.build().draw(process, batch.x0.size()[0])?;
        let eps = process.draw(&t, &batch.x0)?;
        let by_sample = simple_loss(model, process, batch, &t, &eps)?;
        Ok(Loss { t: Some(t), by_sample })
    }
}

/// The loss of each sample at given times, with given noise.
///
/// ```text
/// || eps - eps_theta( sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps, t ) ||^2
/// ```
/// Ho et al. 2020, Algorithm 1, line 5; here the mean over the numbers of a sample. With another parameterization, it
/// is the error of what that predicts instead of `eps`.
///
/// # Shapes
/// `t`: `[B]`; `eps`: shaped like `x_0`. Returns `[B]`.
fn simple_loss(model: &Model, process: &dyn Process, batch: &Batch, t: &Tensor, eps: &Tensor) -> Result<Tensor> {
    let given = Given { label: label(model, batch), ..Given::training() };
    let level = Level::of_each(process, t, &batch.x0)?;
    let x_t = &level.signal * &batch.x0 + &level.noise * eps;
    let output = model.compared_output(&x_t, &level, &given)?;
    let target = model.parameterization().target(&batch.x0, eps, &level);
    Ok(squared_error(&output, &target))
}
