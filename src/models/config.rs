//! `ModelConfig`: the complete configuration of a model, stored in a file.

use std::path::Path;

use ddpm_utils::files::read_text;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Device;

use super::migration::migrate;
use crate::config::{BaseConfig, TrainingConfig};
use crate::datasets::Dataset;
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::networks::{NetworkConfig, UnetConfig};

/// The maximum size of a configuration file, in bytes.
pub(crate) const MAX_BYTES: u64 = 1 << 20;

/// The complete configuration of a model, as in `models/NAME/config.json`, which `ddpm train --config` reads.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// The data, the seed, the device.
    pub base: BaseConfig,
    /// The network.
    pub network: NetworkConfig,
    /// The diffusion and the training.
    pub training: TrainingConfig,
}

impl ModelConfig {
    /// The default configuration for a data set: the FNN for points; for images the U-Net with all of the images, and
    /// on a CPU the [small U-Net](UnetConfig::small) with fewer timesteps.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a device that is not available.
    pub fn for_dataset(dataset: Dataset, device: DeviceChoice) -> Result<Self> {
        let [channels, height, width] = dataset.shape()[..] else {
            return Ok(Self {
                base: BaseConfig { dataset, compute: device.into(), ..Default::default() },
                ..Default::default()
            });
        };
        // Fewer timesteps, too: on a CPU, sampling with a thousand would take longer than the training.
        let (unet, timesteps) =
            if device.resolve()? == Device::Cpu { (UnetConfig::small(), 200) } else { (UnetConfig::default(), 1000) };
        Ok(Self {
            base: BaseConfig { dataset, compute: device.into(), dataset_size: BaseConfig::ALL, ..Default::default() },
            network: unet.for_images([channels, height, width]).into(),
            training: TrainingConfig { timesteps, ..TrainingConfig::for_images() },
        })
    }

    /// Rejects invalid values.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first invalid field.
    pub fn validate(&self) -> Result<()> {
        self.base.validate()?;
        self.network.validate()?;
        self.training.validate()?;
        self.check_combination()
    }

    pub(crate) fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| Error::Unsupported(e.to_string()))?;
        Ok(text + "\n")
    }

    /// Reads and checks a JSON file. Missing settings keep their defaults; settings in the places that earlier versions
    /// used are accepted.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::ConfigFile`] for an unknown key or a wrong type,
    /// [`Error::Config`] for an invalid value.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_text(path, MAX_BYTES).map_err(Error::io("read", path))?;
        let (config, _) =
            parse(&text).map_err(|error| Error::ConfigFile { path: path.to_owned(), problem: error.to_string() })?;
        config.validate()?;
        Ok(config)
    }
}

/// Parses a configuration in JSON; also returns the settings given in the text, in their current places. The error
/// names the line, unless a setting had to be moved.
pub(super) fn parse(text: &str) -> serde_json::Result<(ModelConfig, Value)> {
    let mut settings: Value = serde_json::from_str(text)?;
    let config =
        if migrate(&mut settings) { serde_json::from_value(settings.clone())? } else { serde_json::from_str(text)? };
    Ok((config, settings))
}
