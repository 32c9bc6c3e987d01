//! `ModelManager`: a model's folder, with its configuration, its checkpoints and its inference logs.

use std::fs;
use std::path::{Path, PathBuf};

use ddpm_utils::atomic::write_atomic;

use crate::checkpoint::{self, Weights};
use crate::config::{BaseConfig, ModelConfig, NetworkConfig, TrainingConfig};
use crate::error::{Error, Result};
use crate::inference_logger::{InferType, InferenceLogger};
use crate::networks::{Denoiser, get_model};
use crate::training::EpochLoss;
use crate::training_state::TrainingState;

/// A model by name: `models/NAME/{config.json, checkpoints/, inference_logs/}`.
///
/// Every file is written whole or not at all. Where a function takes a checkpoint's number, `None` is the newest.
#[derive(Debug, Clone)]
pub struct ModelManager {
    name: String,
    folder: PathBuf,
    config: ModelConfig,
}

impl ModelManager {
    /// Opens the model `name` in `base.models_dir`, or makes it with this configuration where there is none.
    ///
    /// A model that exists keeps what its weights depend on: data, seed, network, diffusion and batches have to agree.
    /// Epochs, checkpoint period, sample amount and inference type are taken over.
    ///
    /// # Errors
    /// [`Error::ModelName`], [`Error::Config`], [`Error::ModelDiffers`] with every setting that differs.
    pub fn new(
        base: &BaseConfig,
        name: &str,
        network: impl Into<NetworkConfig>,
        training: &TrainingConfig,
    ) -> Result<Self> {
        check_name(name)?;
        let asked = ModelConfig { base: base.clone(), network: network.into(), training: training.clone() };
        asked.validate()?;
        let folder = base.models_dir.join(name);
        if config_file(&folder).exists() {
            let stored = Self::open(base, name)?.config;
            let differences = differences(&stored, &asked)?;
            if !differences.is_empty() {
                return Err(Error::ModelDiffers { name: name.to_owned(), differences });
            }
            if stored == asked {
                return Ok(Self { name: name.to_owned(), folder, config: stored });
            }
        }
        let manager = Self { name: name.to_owned(), folder, config: asked };
        for folder in [manager.checkpoints_dir(), manager.inference_logs_dir()] {
            fs::create_dir_all(&folder).map_err(Error::io("create", folder))?;
        }
        write_atomic(config_file(&manager.folder), to_json(&manager.config)?.as_bytes())?;
        Ok(manager)
    }

    /// Opens a model that exists, with the configuration that it was made with; of `base`, the device and the folder hold.
    ///
    /// # Errors
    /// [`Error::NoModel`] with the models that there are; those of [`ModelConfig::read`].
    pub fn open(base: &BaseConfig, name: &str) -> Result<Self> {
        check_name(name)?;
        let folder = base.models_dir.join(name);
        if !config_file(&folder).exists() {
            let (name, models_dir) = (name.to_owned(), base.models_dir.clone());
            return Err(Error::NoModel { name, existing: Self::list(&models_dir), models_dir });
        }
        let mut config = ModelConfig::read(&config_file(&folder))?;
        config.base.device = base.device;
        config.base.models_dir = base.models_dir.clone();
        Ok(Self { name: name.to_owned(), folder, config })
    }

    /// The models in a folder, by name.
    pub fn list(models_dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(models_dir).into_iter().flatten().flatten();
        let models = entries.filter(|entry| config_file(&entry.path()).exists());
        let mut names: Vec<String> = models.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it is made from.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The network, with the averaged weights of the newest checkpoint, or with fresh ones where there is none yet.
    ///
    /// # Errors
    /// Those of [`get_model`](crate::networks::get_model()) and of [`ModelManager::load_weights`].
    pub fn get_model(&self) -> Result<Box<dyn Denoiser>> {
        let model = get_model(&self.config.base, &self.config.network)?;
        if !self.checkpoints().is_empty() {
            self.load_weights(&model, None, Weights::Ema)?;
        }
        Ok(model)
    }

    /// The checkpoints that there are, by epoch, the newest last.
    pub fn checkpoints(&self) -> Vec<usize> {
        let entries = fs::read_dir(self.checkpoints_dir()).into_iter().flatten().flatten();
        let mut epochs: Vec<usize> = entries.filter_map(|entry| epoch_of(entry.file_name().to_str()?)).collect();
        epochs.sort_unstable();
        epochs
    }

    /// Writes a checkpoint of the epoch that `state` is at.
    ///
    /// # Errors
    /// [`Error::Path`] where that checkpoint exists: see [`ModelManager::update_checkpoint`].
    pub fn create_checkpoint(&self, model: &dyn Denoiser, state: &TrainingState) -> Result<PathBuf> {
        let path = self.checkpoint_file(state.epoch());
        if path.exists() {
            let problem = "this checkpoint exists; update_checkpoint replaces it".to_owned();
            return Err(Error::Path { path, problem });
        }
        self.update_checkpoint(model, state)
    }

    /// Writes a checkpoint of the epoch that `state` is at, in place of one that may be there.
    ///
    /// # Errors
    /// [`Error::Write`] where it cannot be written; one that was there is unharmed.
    pub fn update_checkpoint(&self, model: &dyn Denoiser, state: &TrainingState) -> Result<PathBuf> {
        let path = self.checkpoint_file(state.epoch());
        checkpoint::write(&path, model, state, self.config.base.seed)?;
        Ok(path)
    }

    /// Loads a checkpoint into a network to train on: its weights, and the state to go on from.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`]; [`Error::Checkpoint`] for a file that is damaged or of another network, in which case the
    /// network is as it was.
    pub fn load_checkpoint(&self, model: &dyn Denoiser, epoch: Option<usize>) -> Result<TrainingState> {
        let path = self.find_checkpoint(epoch)?;
        let mut state = TrainingState::new(model, &self.config.base, &self.config.training)?;
        checkpoint::read_training(&path, model, &mut state, self.config.base.seed)?;
        Ok(state)
    }

    /// Loads a checkpoint's weights alone, to sample with. Returns the loss of each epoch up to it.
    ///
    /// # Errors
    /// As [`ModelManager::load_checkpoint`].
    pub fn load_weights(&self, model: &dyn Denoiser, epoch: Option<usize>, weights: Weights) -> Result<Vec<EpochLoss>> {
        checkpoint::read_weights(&self.find_checkpoint(epoch)?, model, weights)
    }

    /// A logger whose pictures and samples land in the model's numbered inference logs.
    pub fn inference_logger(&self, infer_type: InferType) -> InferenceLogger {
        InferenceLogger::in_folder(infer_type, self.inference_logs_dir())
    }

    /// Deletes the model: configuration, checkpoints and logs. `typed_name` is its name, typed once more, so that no slip
    /// costs a trained model.
    ///
    /// # Errors
    /// [`Error::Path`] where the name typed is another.
    pub fn delete_model(self, typed_name: &str) -> Result<()> {
        if typed_name != self.name {
            let problem =
                format!("not deleted: type the model's name, {:?}, to delete it; got {typed_name:?}", self.name);
            return Err(Error::Path { path: self.folder, problem });
        }
        fs::remove_dir_all(&self.folder).map_err(Error::io("delete", self.folder))
    }

    fn checkpoints_dir(&self) -> PathBuf {
        self.folder.join("checkpoints")
    }

    fn inference_logs_dir(&self) -> PathBuf {
        self.folder.join("inference_logs")
    }

    fn checkpoint_file(&self, epoch: usize) -> PathBuf {
        self.checkpoints_dir().join(format!("epoch_{epoch:04}.safetensors"))
    }

    fn find_checkpoint(&self, epoch: Option<usize>) -> Result<PathBuf> {
        let epochs = self.checkpoints();
        match epoch.or(epochs.last().copied()) {
            Some(epoch) if epochs.contains(&epoch) => Ok(self.checkpoint_file(epoch)),
            wanted => Err(Error::NoCheckpoint {
                model: self.name.clone(),
                wanted: wanted.map_or_else(|| "yet".to_owned(), |epoch| format!("of epoch {epoch}")),
                existing: epochs.iter().map(|epoch| format!("epoch {epoch}")).collect(),
            }),
        }
    }
}

fn config_file(folder: &Path) -> PathBuf {
    folder.join("config.json")
}

fn epoch_of(file_name: &str) -> Option<usize> {
    file_name.strip_prefix("epoch_")?.strip_suffix(".safetensors")?.parse().ok()
}

/// One path component, the same on every system, and never one that leads elsewhere.
fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let good = !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.chars().all(plain);
    if good { Ok(()) } else { Err(Error::ModelName(name.to_owned())) }
}

fn to_json(config: &ModelConfig) -> Result<String> {
    let text = serde_json::to_string_pretty(config).map_err(|e| Error::Unsupported(e.to_string()))?;
    Ok(text + "\n")
}

/// What the weights depend on and the two do not agree in.
fn differences(stored: &ModelConfig, asked: &ModelConfig) -> Result<Vec<String>> {
    const FREE: [&str; 5] = ["device", "epochs", "checkpoint_period", "sample_amount", "inference_type"];
    let flat = |config: &ModelConfig| -> Result<_> {
        let value = serde_json::to_value(config).map_err(|e| Error::Unsupported(e.to_string()))?;
        let mut leaves = Vec::new();
        flatten("", &value, &mut leaves);
        Ok(leaves)
    };
    let (stored, asked) = (flat(stored)?, flat(asked)?);
    let value_in =
        |leaves: &[(String, String)], key: &str| leaves.iter().find(|leaf| leaf.0 == key).map(|leaf| leaf.1.clone());
    let mut keys: Vec<&String> = stored.iter().chain(&asked).map(|leaf| &leaf.0).collect();
    keys.sort();
    keys.dedup();
    let or_nothing = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
    let differs = |key: &String| {
        let (there, here) = (value_in(&stored, key), value_in(&asked, key));
        let setting = key.rsplit('.').next().unwrap_or(key);
        (there != here && !FREE.contains(&setting))
            .then(|| format!("{setting} is {} there, {} was asked for", or_nothing(there), or_nothing(here)))
    };
    Ok(keys.into_iter().filter_map(differs).collect())
}

fn flatten(path: &str, value: &serde_json::Value, leaves: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(entries) => {
            for (key, value) in entries {
                flatten(&format!("{path}.{key}"), value, leaves);
            }
        }
        leaf => leaves.push((path.to_owned(), leaf.to_string())),
    }
}
