//! Builds what configurations describe: the constants of the process, and the model.

use super::base::BaseConfig;
use super::training::TrainingConfig;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::networks::NetworkConfig;
use crate::process::{ConstantsManager, Process};
use crate::random::{self, Stream};

impl ConstantsManager {
    /// The constants of the schedule in `training`, for the data and the device in `base`.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) if the schedule does not support that many timesteps;
    /// [`Error::Unsupported`](crate::Error::Unsupported) for a process without a schedule: see [`get_process`].
    pub fn new(base: &BaseConfig, training: &TrainingConfig) -> Result<Self> {
        base.validate()?;
        training.validate()?;
        if let Some(process) = &training.process {
            let name = process.name();
            return Err(Error::Unsupported(format!(
                "the process of this model is {name}, without these constants: use get_process"
            )));
        }
        let betas = training.schedule.build().betas(training.timesteps)?;
        Self::from_betas(&betas, base.dataset.shape().len(), base.compute.device.resolve()?)
    }
}

/// The process that a model with this configuration is trained on: the constants of its schedule, or the one that it names; with its
/// noise.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for settings that cannot work.
pub fn get_process(base: &BaseConfig, training: &TrainingConfig) -> Result<Box<dyn Process>> {
    training.noise.of(match &training.process {
        Some(process) => process.build().process()?,
        None => Box::new(ConstantsManager::new(base, training)?),
    })
}

/// The model that the configurations describe, with fresh weights drawn from the seed in `base`.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for sizes that are invalid or do not fit the data;
/// [`Error::Unsupported`](crate::Error::Unsupported) for [`NetworkConfig::Own`], which only its author can build.
pub fn get_model(base: &BaseConfig, network: impl Into<NetworkConfig>, training: &TrainingConfig) -> Result<Model> {
    let network = network.into();
    base.validate()?;
    network.validate()?;
    let device = base.compute.device.resolve()?;
    random::seed_libtorch(random::derive(base.seed, Stream::Weights, 0));
    network.check_fits(&base.dataset)?;
    let parameterization = training.parameterization.build();
    let built = network.build(parameterization.outputs(), base.compute.precision, device)?;
    #[cfg(feature = "fast-cuda")]
    let built = crate::networks::recorded::wrap(built);
    Ok(Model::boxed(built)
        .with_parameterization(parameterization)
        .with_sampling(training.sampling.clone())
        .with_classes(network.classes())
        .with_condition_dropout(training.condition_dropout))
}
