//! `Discrete`: the settings of the process with steps, [`ConstantsManager`].

use serde::{Deserialize, Serialize};
use tch::Device;

use super::{ConstantsManager, CosineSchedule, NoiseSchedule, Process, ProcessSettings};
use crate::error::Result;

/// `T` steps, each of which keeps `sqrt(1 - beta_t)` of the signal and adds noise of variance `beta_t`. Ho et al. 2020,
/// equation 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Discrete {
    /// `T`, the number of steps.
    pub timesteps: usize,
    /// How `beta_t` grows.
    pub schedule: NoiseSchedule,
}

impl Default for Discrete {
    fn default() -> Self {
        Self { timesteps: 1000, schedule: CosineSchedule.into() }
    }
}

impl ProcessSettings for Discrete {
    fn process(&self) -> Result<Box<dyn Process>> {
        let betas = self.schedule.build().betas(self.timesteps)?;
        Ok(Box::new(ConstantsManager::from_betas(&betas, 1, Device::Cpu)?))
    }
}
