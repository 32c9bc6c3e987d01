//! A model's folder is made, opened and deleted here. What is refused changes nothing.

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
    /// Opens the model `name` in `base.models_dir`, or makes it with this configuration where there is none.
    ///
    /// A model that exists keeps what its weights depend on: data, seed, network, diffusion and batches have to agree.
    /// Where it computes, epochs, checkpoints and sampling are taken over.
    ///
    /// # Errors
    /// [`Error::ModelName`], [`Error::Config`], [`Error::ModelDiffers`] with every setting that differs; [`Error::Path`] where
    /// another process trains the model and a setting would change; those of [`ModelManager::load_weights`] where the model
    /// that a new one is to start from is not there or does not fit. Nothing has changed then.
    pub fn new(
        base: &BaseConfig,
        name: &str,
        network: impl Into<NetworkConfig>,
        training: &TrainingConfig,
    ) -> Result<Self> {
        let asked = ModelConfig { base: base.clone(), network: network.into(), training: training.clone() };
        let folder = ModelFolder::new(&base.models_dir, name)?;
        asked.validate()?;
        match Self::stored(&folder, &asked)? {
            Some(stored) if stored == asked => Ok(Self { folder, config: asked }),
            _ => Self::locked(folder, asked).map(|(manager, _)| manager),
        }
    }

    /// As [`ModelManager::new`], to train it: until the lock is dropped, no other process trains, changes or deletes the model.
    ///
    /// # Errors
    /// As [`ModelManager::new`], and [`Error::Path`] wherever another process trains the model.
    pub fn to_train(name: &str, asked: ModelConfig) -> Result<(Self, TrainingLock)> {
        let folder = ModelFolder::new(&asked.base.models_dir, name)?;
        asked.validate()?;
        Self::stored(&folder, &asked)?;
        Self::locked(folder, asked)
    }

    /// Refuses a configuration that the model of this name, where there is one, cannot take over; changes nothing.
    ///
    /// # Errors
    /// [`Error::ModelName`], [`Error::ModelDiffers`], [`Error::Config`] for fewer epochs than it has had.
    pub fn check(name: &str, asked: &ModelConfig) -> Result<()> {
        Self::stored(&ModelFolder::new(&asked.base.models_dir, name)?, asked).map(|_| ())
    }

    /// The configuration of the model that is there, which agrees with the one asked for.
    fn stored(folder: &ModelFolder, asked: &ModelConfig) -> Result<Option<ModelConfig>> {
        let ModelConfig { base, training, .. } = asked;
        if folder.exists() {
            let stored = Self::open(base, &folder.name)?.config;
            let differences = differences(&stored, asked)?;
            if !differences.is_empty() {
                return Err(Error::ModelDiffers { name: folder.name.clone(), differences });
            }
            let had = folder.checkpoints().last().copied().unwrap_or(0);
            if training.epochs < had {
                let expected = format!("at least {had}, the epochs that {} has had", folder.name);
                return Err(Error::config("TrainingConfig.epochs", expected, training.epochs));
            }
            return Ok(Some(stored));
        }
        Ok(None)
    }

    /// Writes the configuration where it is another one, with the lock held.
    fn locked(folder: ModelFolder, asked: ModelConfig) -> Result<(Self, TrainingLock)> {
        if let (false, Some(other)) = (folder.exists(), &asked.training.start_from) {
            // A folder that stayed behind would refuse the corrected configuration.
            Self::open(&asked.base, other)?.check_gives_weights_to(&asked)?;
        }
        let is_new = !folder.path.exists();
        let written = folder.make().and_then(|()| {
            let lock = folder.lock_to_train()?;
            // Another process may have made or changed it meanwhile.
            if Self::stored(&folder, &asked)?.as_ref() != Some(&asked) {
                write_atomic(folder.config_file(), asked.to_json()?.as_bytes())?;
            }
            Ok(lock)
        });
        match written {
            Ok(lock) => Ok((Self { folder, config: asked }, lock)),
            Err(error) => {
                if is_new {
                    folder.remove_empty();
                }
                Err(error)
            }
        }
    }

    /// Opens a model that exists, with the configuration that it was made with; of `base`, the device and the folder hold.
    ///
    /// # Errors
    /// [`Error::NoModel`] with the models that there are; those of [`ModelConfig::read`].
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

    /// Whether the newest weights fit the network of another model. One of the reader's own only its author can build: of
    /// that, whether there are weights at all.
    fn check_gives_weights_to(&self, other: &ModelConfig) -> Result<()> {
        let (ours, theirs) = (&self.config.training.parameterization, &other.training.parameterization);
        if ours != theirs {
            let expected = format!("{ours:?}, as the weights of {} have it", self.name());
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

    /// Deletes the model: configuration, checkpoints and logs. `typed_name` is its name, typed once more, so that no slip
    /// costs a trained model.
    ///
    /// # Errors
    /// As [`ModelManager::delete`].
    pub fn delete_model(self, typed_name: &str) -> Result<()> {
        delete(self.folder, typed_name)
    }

    /// As [`ModelManager::delete_model`], of a model by its name, also where its configuration cannot be read.
    ///
    /// # Errors
    /// [`Error::NoModel`]; [`Error::Path`] where the name typed is another, or another process trains the model.
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
    // Nobody trains a model without a folder for checkpoints.
    let _lock = folder.checkpoints_dir().exists().then(|| folder.lock()).transpose()?;
    fs::remove_dir_all(&folder.path).map_err(Error::io("delete", folder.path))
}
