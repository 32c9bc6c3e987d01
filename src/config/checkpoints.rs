//! `CheckpointConfig`: how often a training writes a checkpoint, and which samples it draws then.

use serde::{Deserialize, Serialize};

use super::infer_type::InferType;
use crate::error::{MANY, Result, require};

/// How often a training writes a checkpoint, and which samples it draws then. The weights do not depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointConfig {
    /// Epochs from one checkpoint to the next.
    pub period: usize,
    /// Samples drawn at each checkpoint.
    pub samples: usize,
    /// How they are shown.
    pub inference_type: InferType,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self { period: 20, samples: 100, inference_type: InferType::Plot }
    }
}

impl CheckpointConfig {
    /// A checkpoint every five epochs, with 16 images.
    pub fn for_images() -> Self {
        Self { period: 5, samples: 16, inference_type: InferType::Image }
    }

    /// Whether samples are drawn.
    pub fn draws_samples(&self) -> bool {
        self.samples > 0 && self.inference_type != InferType::None
    }

    pub(super) fn validate(&self) -> Result<()> {
        let expected = "at least 1, and at most 1000000000";
        require((1..=MANY).contains(&self.period), "CheckpointConfig.period", expected, self.period)?;
        require(self.samples <= MANY, "CheckpointConfig.samples", "at most 1000000000", self.samples)
    }
}
