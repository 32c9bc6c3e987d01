//! Creating, opening and deleting models. A rejected request changes nothing.

use std::fs;

use ddpm_utils::atomic::write_atomic;

use super::ModelManager;
use crate::config::{BaseConfig, ComputeConfig, TrainingConfig, get_model};
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::models::checkpoint::Weights;
use crate::models::config::ModelConfig;
use crate::models::differences::differences;
use crate::models::folder::{ModelFolder, TrainingLock};
use crate::networks::NetworkConfig;
use crate::precision::Precision;

impl ModelManager {
    /// Opens the model `name` in `base.models_dir`, or creates it with this configuration.
    ///
    /// The settings that the weights of an existing model depend on cannot change: data, seed, network, diffusion and
    /// batches have to match. Device, epochs, checkpoints and sampling are taken from the new configuration.
    ///
    /// # Errors
    /// [`Error::ModelName`], [`Error::Config`], [`Error::ModelDiffers`] with every setting that differs;
    /// [`Error::Path`] if another process is training the model and a setting would change; those of
    /// [`ModelManager::load_weights`] if the model to start from does not exist or does not fit. In all these cases,
    /// nothing changes.
    pub fn new(
        base: &BaseConfig,
        name: &str,
        network: impl Into<NetworkConfig>,
        training: &TrainingConfig,
    ) -> Result<Self> {
        let requested = ModelConfig { base: base.clone(), network: network.into(), training: training.clone() };
        let folder = ModelFolder::new(&base.models_dir, name)?;
        requested.validate()?;
        match Self::stored(&folder, &requested)? {
            Some(stored) if stored == requested => Ok(Self { folder, config: requested }),
            _ => Self::locked(folder, requested).map(|(manager, _)| manager),
        }
    }

    /// As [`ModelManager::new`], for training: until the lock is dropped, no other process can train, change or delete
    /// the model.
    ///
    /// # Errors
    /// As [`ModelManager::new`]; [`Error::Path`] whenever another process is training the model.
    pub fn to_train(name: &str, requested: ModelConfig) -> Result<(Self, TrainingLock)> {
        let folder = ModelFolder::new(&requested.base.models_dir, name)?;
        requested.validate()?;
        Self::stored(&folder, &requested)?;
        Self::locked(folder, requested)
    }

    /// Checks whether the model of this name, if it exists, can take this configuration; changes nothing.
    ///
    /// # Errors
    /// [`Error::ModelName`], [`Error::ModelDiffers`], [`Error::Config`] for fewer epochs than it has been trained for.
    pub fn check(name: &str, requested: &ModelConfig) -> Result<()> {
        Self::stored(&ModelFolder::new(&requested.base.models_dir, name)?, requested).map(|_| ())
    }

    /// The configuration of the existing model, which matches the requested one.
    fn stored(folder: &ModelFolder, requested: &ModelConfig) -> Result<Option<ModelConfig>> {
        let ModelConfig { base, training, .. } = requested;
        if folder.exists() {
            let stored = Self::open(base, &folder.name)?.config;
            let differences = differences(&stored, requested)?;
            if !differences.is_empty() {
                return Err(Error::ModelDiffers { name: folder.name.clone(), differences });
            }
            let had = folder.checkpoints().last().copied().unwrap_or(0);
            if training.epochs < had {
                let expected = format!("at least {had}, the epochs that {} has been trained for", folder.name);
                return Err(Error::config("TrainingConfig.epochs", expected, training.epochs));
            }
            return Ok(Some(stored));
        }
        Ok(None)
    }

    /// Takes the lock, and writes the configuration if it has changed.
    fn locked(folder: ModelFolder, requested: ModelConfig) -> Result<(Self, TrainingLock)> {
        if let (false, Some(other)) = (folder.exists(), &requested.training.start_from) {
            // If the folder stayed, it would reject the corrected configuration.
            Self::open(&requested.base, other)?.check_gives_weights_to(&requested)?;
        }
        let is_new = !folder.path.exists();
        let written = folder.make().and_then(|()| {
            let lock = folder.lock_to_train()?;
            // Another process may have created or changed it meanwhile.
            if Self::stored(&folder, &requested)?.as_ref() != Some(&requested) {
                write_atomic(folder.config_file(), requested.to_json()?.as_bytes())?;
            }
            Ok(lock)
        });
        match written {
            Ok(lock) => Ok((Self { folder, config: requested }, lock)),
            Err(error) => {
                if is_new {
                    folder.remove_empty();
                }
                Err(error)
            }
        }
    }

    /// Opens an existing model with its stored configuration, but with the device and the models folder of `base`.
    ///
    /// # Errors
    /// [`Error::NoModel`] with the available models; those of [`ModelConfig::read`].
    pub fn open(base: &BaseConfig, name: &str) -> Result<Self> {
        let folder = Self::existing(base, name)?;
        let mut config = ModelConfig::read(&folder.config_file())?;
        config.base.compute.device = base.compute.device;
        config.base.models_dir = base.models_dir.clone();
        Ok(Self { folder, config })
    }

    fn existing(base: &BaseConfig, name: &str) -> Result<ModelFolder> {
        let folder = ModelFolder::new(&base.models_dir, name)?;
        if folder.exists() {
            return Ok(folder);
        }
        let (name, models_dir) = (name.to_owned(), base.models_dir.clone());
        Err(Error::NoModel { name, existing: Self::list(&models_dir), models_dir })
    }

    /// Checks whether the newest weights fit the network of another model. Only its author can build a custom network,
    /// so for that one it only checks that there are weights.
    fn check_gives_weights_to(&self, other: &ModelConfig) -> Result<()> {
        let (ours, theirs) = (&self.config.training.parameterization, &other.training.parameterization);
        if ours != theirs {
            let expected = format!("{ours:?}, like the weights of {}", self.name());
            return Err(Error::config("TrainingConfig.parameterization", expected, format!("{theirs:?}")));
        }
        if let NetworkConfig::Own(_) = other.network {
            return self.folder.find_checkpoint(None).map(|_| ());
        }
        let compute = ComputeConfig { device: DeviceChoice::Cpu, precision: Precision::F32 };
        let base = BaseConfig { compute, ..other.base.clone() };
        let model = get_model(&base, &other.network, &other.training)?;
        self.load_weights(&model, None, Weights::Ema).map(|_| ())
    }

    /// Deletes the model: configuration, checkpoints and logs. `typed_name` is its name, typed once more to confirm.
    ///
    /// # Errors
    /// As [`ModelManager::delete`].
    pub fn delete_model(self, typed_name: &str) -> Result<()> {
        delete(self.folder, typed_name)
    }

    /// As [`ModelManager::delete_model`], for a model by name, even if its configuration cannot be read.
    ///
    /// # Errors
    /// [`Error::NoModel`]; [`Error::Path`] if the typed name differs, or another process is training the model.
    pub fn delete(base: &BaseConfig, name: &str, typed_name: &str) -> Result<()> {
        delete(Self::existing(base, name)?, typed_name)
    }
}

fn delete(folder: ModelFolder, typed_name: &str) -> Result<()> {
    let name = &folder.name;
    if typed_name != name {
        let problem = format!("not deleted: {typed_name:?} is not the model's name; type {name:?} to delete it");
        return Err(Error::Path { path: folder.path, problem });
    }
    // A model without a checkpoint folder is not being trained.
    let _lock = folder.checkpoints_dir().exists().then(|| folder.lock()).transpose()?;
    fs::remove_dir_all(&folder.path).map_err(Error::io("delete", folder.path))
}
