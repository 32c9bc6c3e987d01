//! What several commands have in common: where the models are, and how an option goes over a setting.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::prelude::*;

/// Where the models are and what computes.
#[derive(Args)]
pub struct Place {
    /// The folder that holds the models
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub models_dir: PathBuf,
    /// auto, cpu, cuda, cuda:N or metal; auto where neither this nor the configuration says
    #[arg(long)]
    pub device: Option<DeviceChoice>,
}

impl Place {
    pub fn base(&self) -> BaseConfig {
        let device = self.device.unwrap_or_default();
        BaseConfig { models_dir: self.models_dir.clone(), compute: device.into(), ..Default::default() }
    }
}

/// Gives a setting the value of an option, where the option was given.
pub fn set<T>(setting: &mut T, option: Option<T>) {
    if let Some(value) = option {
        *setting = value;
    }
}
