//! What weights were trained for: a process, and what the output of the network means. With another one, sampling would
//! run without an error, and draw nonsense.

use serde::{Deserialize, Serialize};

use crate::config::TrainingConfig;
use crate::parameterizations::ParameterizationConfig;
use crate::process::ProcessConfig;

/// The settings without which the output of a network cannot be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TrainedFor {
    process: ProcessConfig,
    parameterization: ParameterizationConfig,
}

impl TrainedFor {
    pub fn of(training: &TrainingConfig) -> Self {
        Self { process: training.process(), parameterization: training.parameterization.clone() }
    }

    /// The difference from what a configuration says; `None` if there is none.
    pub fn difference(&self, config: &Self) -> Option<String> {
        let settings = |of: &Self| (serde_json::json!(of.process), serde_json::json!(of.parameterization));
        let ((process, parameterization), (other_process, other_parameterization)) = (settings(self), settings(config));
        let pairs =
            [("process", process, other_process), ("parameterization", parameterization, other_parameterization)];
        pairs.into_iter().find(|(_, there, here)| there != here).map(|(what, there, here)| {
            format!("was trained for the {what} {there}, but the configuration has {here}: correct config.json")
        })
    }
}
