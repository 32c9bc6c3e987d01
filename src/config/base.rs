//! `BaseConfig`: the device, the data, the seed, the folder.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::datasets::Dataset;
use crate::device::DeviceChoice;
use crate::error::{MANY, Result, require};
use crate::precision::Precision;

/// What every part of a run shares: the device, the data, the seed, the folders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BaseConfig {
    /// Where and in which numbers to compute.
    pub compute: ComputeConfig,
    /// The data to learn.
    pub dataset: Dataset,
    /// How many samples of it to train on, at most.
    pub dataset_size: usize,
    /// The one seed that sets everything: data, initial weights, noise, order.
    pub seed: u64,
    /// The folder that holds the models.
    #[serde(skip)]
    pub models_dir: PathBuf,
}

/// Where and in which numbers a run computes. It may be another place each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ComputeConfig {
    /// Where to compute.
    pub device: DeviceChoice,
    /// In which numbers.
    pub precision: Precision,
}

impl From<DeviceChoice> for ComputeConfig {
    fn from(device: DeviceChoice) -> Self {
        Self { device, ..Self::default() }
    }
}

impl Default for BaseConfig {
    fn default() -> Self {
        Self {
            compute: ComputeConfig::default(),
            dataset: Dataset::default(),
            dataset_size: 100_000,
            seed: 0,
            models_dir: PathBuf::from("models"),
        }
    }
}

impl BaseConfig {
    /// A `dataset_size` that leaves out no image.
    pub const ALL: usize = MANY;

    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first field that cannot work.
    pub fn validate(&self) -> Result<()> {
        let size = self.dataset_size;
        require((1..=MANY).contains(&size), "BaseConfig.dataset_size", "1 to 1000000000", size)?;
        self.dataset.validate()
    }
}
