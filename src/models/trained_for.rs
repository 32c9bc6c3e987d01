//! What weights were trained for: a process, its noise, and what the output of the network means. With another one, sampling would
//! run without an error, and draw nonsense.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::catalogue::is_default;
use crate::config::TrainingConfig;
use crate::noises::NoiseConfig;
use crate::parameterizations::ParameterizationConfig;
use crate::process::ProcessConfig;

/// The settings without which the output of a network cannot be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TrainedFor {
    process: ProcessConfig,
    #[serde(default, skip_serializing_if = "is_default")]
    noise: NoiseConfig,
    parameterization: ParameterizationConfig,
}

impl TrainedFor {
    pub fn of(training: &TrainingConfig) -> Self {
        let parameterization = training.parameterization.clone();
        Self { process: training.process(), noise: training.noise.clone(), parameterization }
    }

    /// The difference from what a configuration says; `None` if there is none.
    pub fn difference(&self, config: &Self) -> Option<String> {
        let settings = |of: &Self| [json!(of.process), json!(of.noise), json!(of.parameterization)];
        let pairs = settings(self).into_iter().zip(settings(config));
        let differing = ["process", "noise", "parameterization"].into_iter().zip(pairs);
        differing.into_iter().find(|(_, (there, here))| there != here).map(|(what, (there, here))| {
            format!("was trained for the {what} {there}, but the configuration has {here}: correct config.json")
        })
    }
}
