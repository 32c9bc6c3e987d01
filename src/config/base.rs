//! `BaseConfig`: the device, the data, the seed, the folder.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::{MANY, Precision, require};
use crate::datasets::Dataset;
use crate::device::DeviceChoice;
use crate::error::Result;

/// What every part of a run shares: the device, the data, the seed, the folders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BaseConfig {
    /// Where to compute.
    pub device: DeviceChoice,
    /// In which numbers.
    pub precision: Precision,
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

impl Default for BaseConfig {
    fn default() -> Self {
        Self {
            device: DeviceChoice::Auto,
            precision: Precision::Auto,
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
