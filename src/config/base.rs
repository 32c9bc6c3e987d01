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
    /// The device and the precision.
    pub compute: ComputeConfig,
    /// The data to learn.
    pub dataset: Dataset,
    /// The most samples of it to train on.
    pub dataset_size: usize,
    /// The seed of everything random: data, initial weights, noise, order.
    pub seed: u64,
    /// The folder that holds the models.
    #[serde(skip)]
    pub models_dir: PathBuf,
}

/// The device and the precision of a run. They may differ from run to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ComputeConfig {
    /// The device.
    pub device: DeviceChoice,
    /// The precision.
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
    /// A `dataset_size` that includes all images.
    pub const ALL: usize = MANY;

    /// Rejects invalid values.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first invalid field.
    pub fn validate(&self) -> Result<()> {
        let size = self.dataset_size;
        require((1..=MANY).contains(&size), "BaseConfig.dataset_size", "1 to 1000000000", size)?;
        self.dataset.validate()
    }
}
