//! Options that several commands share: where the models are, and which device computes.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::prelude::*;

/// Where the models are, and which device computes.
#[derive(Args)]
pub struct CommonOptions {
    /// The folder that holds the models
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub models_dir: PathBuf,
    /// auto, cpu, cuda, cuda:N or metal; without it, the device of the configuration, or auto
    #[arg(long)]
    pub device: Option<DeviceChoice>,
}

impl CommonOptions {
    pub fn base(&self) -> BaseConfig {
        let device = self.device.unwrap_or_default();
        BaseConfig { models_dir: self.models_dir.clone(), compute: device.into(), ..Default::default() }
    }
}

/// Sets a setting to the value of an option, if the option was given.
pub fn set<T>(setting: &mut T, option: Option<T>) {
    if let Some(value) = option {
        *setting = value;
    }
}
