//! `Weighted`: the error of the noise, weighted by the noise level.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::noised::Noised;
use super::timesteps::TimestepSamplingConfig;
use super::weightings::WeightingConfig;
use super::{Batch, Loss, Objective, squared_error};
use crate::error::Result;
use crate::model::Model;
use crate::process::Process;

/// The squared error of the noise, read from the network's output, times a weight. The error is the same for all
/// parameterizations, so that different models can be trained for the same goal.
///
/// ```text
/// w(t) || eps - eps_theta(x_t, t) ||^2
/// ```
/// Salimans & Ho 2022, section 4; Kingma & Gao 2023, equation 2.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weighted {
    /// `w(t)`
    pub weighting: WeightingConfig,
    /// How often each timestep is drawn.
    pub timesteps: TimestepSamplingConfig,
}

impl Objective for Weighted {
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss> {
        let noised = Noised::draw(model, process, batch, &self.timesteps)?;
        let error = squared_error(&noised.denoise(model)?.eps, &noised.eps);
        let weighting = self.weighting.build();
        let times: Vec<f64> = Vec::try_from(&noised.t)?;
        let weights: Vec<f64> = times.iter().map(|t| weighting.weight(process, *t)).collect();
        let weights = Tensor::from_slice(&weights).to_kind(error.kind()).to_device(error.device());
        Ok(Loss { t: Some(noised.t), by_sample: weights * error })
    }

    fn validate(&self) -> Result<()> {
        self.weighting.build().validate()
    }
}
