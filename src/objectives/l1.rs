//! `L1`: the mean absolute error.

use serde::{Deserialize, Serialize};

use super::noised::Noised;
use super::timesteps::TimestepSamplingConfig;
use super::{Batch, Loss, Objective};
use crate::error::Result;
use crate::model::Model;
use crate::process::Process;

/// The mean absolute error of the network's output: minimal for the median instead of the mean. What is rare in the data becomes rarer still in
/// the samples.
///
/// ```text
/// | eps - eps_theta(x_t, t) |
/// ```
/// Saharia et al. 2022, "Palette", section 3: samples vary less than with the squared error.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct L1 {
    /// How often each timestep is drawn.
    pub timesteps: TimestepSamplingConfig,
}

impl Objective for L1 {
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss> {
        let noised = Noised::draw(model, process, batch, &self.timesteps)?;
        noised.loss_of_output(model, &batch.x0, |output, target| (output - target).abs())
    }
}
