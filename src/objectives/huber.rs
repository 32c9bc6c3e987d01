//! `Huber`: squared for small errors, absolute for large ones.

use serde::{Deserialize, Serialize};
use tch::Reduction;

use super::noised::Noised;
use super::timesteps::TimestepSamplingConfig;
use super::{Batch, Loss, Objective};
use crate::error::{Result, require};
use crate::model::Model;
use crate::process::Process;

/// Half of the squared error up to `delta`, linear beyond, so that a few large errors do not dominate the gradient.
///
/// ```text
/// d^2 / 2 where |d| <= delta, else delta ( |d| - delta / 2 ),   d = eps - eps_theta(x_t, t)
/// ```
/// Huber 1964, section 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Huber {
    /// The error at which it becomes linear, above 0.
    pub delta: f64,
    /// How often each timestep is drawn.
    pub timesteps: TimestepSamplingConfig,
}

impl Default for Huber {
    fn default() -> Self {
        Self { delta: 1.0, timesteps: TimestepSamplingConfig::default() }
    }
}

impl Objective for Huber {
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss> {
        let noised = Noised::draw(model, process, batch, &self.timesteps)?;
        noised.loss_of_output(model, &batch.x0, |output, target| output.huber_loss(target, Reduction::None, self.delta))
    }

    fn validate(&self) -> Result<()> {
        require(self.delta > 0.0 && self.delta.is_finite(), "Huber.delta", "above 0", self.delta)
    }
}
