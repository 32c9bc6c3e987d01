//! `ModelManager`: a model's folder, with its configuration, its checkpoints and its inference logs.

mod exchange;
mod lifecycle;

use std::fs;
use std::path::{Path, PathBuf};

use super::checkpoint::{self, Weights};
use super::config::ModelConfig;
use super::folder::{ModelFolder, TrainingLock};
use crate::config::{InferType, get_model};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::networks::Network;
use crate::show::InferenceLogger;
use crate::training::{EpochLoss, Learner, TrainingState};

/// A model by name: `models/NAME/{config.json, checkpoints/, inference_logs/}`.
///
/// Every file is written completely or not at all. Where a function takes the epoch of a checkpoint, `None` means the
/// newest.
#[derive(Debug, Clone)]
pub struct ModelManager {
    folder: ModelFolder,
    config: ModelConfig,
}

impl ModelManager {
    /// The models in a folder, by name.
    pub fn list(models_dir: &Path) -> Vec<String> {
        ModelFolder::list(models_dir)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.folder.name
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// Its configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The model with the averaged weights of the newest checkpoint, or with fresh weights if there is none yet.
    ///
    /// # Errors
    /// Those of [`get_model`](crate::config::get_model()) and of [`ModelManager::load_weights`].
    pub fn get_model(&self) -> Result<Model> {
        let model = get_model(&self.config.base, &self.config.network, &self.config.training)?;
        if self.has_checkpoint() {
            self.load_weights(&model, None, Weights::Ema)?;
        }
        Ok(model)
    }

    /// The epochs that have a checkpoint, the newest last.
    pub fn checkpoints(&self) -> Vec<usize> {
        self.folder.checkpoints()
    }

    /// Writes a checkpoint of the epoch that `state` is at.
    ///
    /// # Errors
    /// [`Error::Path`] if that checkpoint exists: see [`ModelManager::update_checkpoint`].
    pub fn create_checkpoint(&self, state: &TrainingState) -> Result<PathBuf> {
        let path = self.folder.checkpoint_file(state.epoch());
        if path.exists() {
            let problem = "this checkpoint already exists; update_checkpoint replaces it".to_owned();
            return Err(Error::Path { path, problem });
        }
        self.update_checkpoint(state)
    }

    /// Writes a checkpoint of the epoch that `state` is at, and replaces an earlier one. A training that was stopped in
    /// the middle of an epoch gets a separate checkpoint, which the next one replaces.
    ///
    /// # Errors
    /// [`Error::Write`] if it cannot be written; an earlier one is unharmed.
    pub fn update_checkpoint(&self, state: &TrainingState) -> Result<PathBuf> {
        let stopped = self.folder.stopped_file();
        let in_epoch = state.steps_into_epoch() > 0;
        let path = if in_epoch { stopped.clone() } else { self.folder.checkpoint_file(state.epoch()) };
        checkpoint::write(&path, state, self.config.base.seed)?;
        if !in_epoch && stopped.exists() {
            fs::remove_file(&stopped).map_err(Error::io("delete", stopped))?;
        }
        self.announce_checkpoint(state);
        Ok(path)
    }

    /// Tells the notebook kernel how to load the checkpoint, for the case that the cell's process dies with all
    /// variables.
    fn announce_checkpoint(&self, state: &TrainingState) {
        let (name, epoch) = (self.name(), state.epoch());
        let steps = match state.steps_into_epoch() {
            0 => String::new(),
            steps => format!(" and {steps} steps"),
        };
        ddpm_utils::tell_checkpoint(format!(
            "{name}, epoch {epoch}{steps}. After creating `base` again, load it with: let manager: ModelManager = \
             ModelManager::open(&base, {name:?})?; let model: Model = manager.get_model()?; `train` resumes \
             from it automatically."
        ));
    }

    /// Whether there is a checkpoint.
    pub fn has_checkpoint(&self) -> bool {
        self.folder.find_checkpoint(None).is_ok()
    }

    /// Loads a checkpoint to resume training: its weights, into the network, and the state.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`]; [`Error::Checkpoint`] for a file that is damaged, belongs to another network, or
    /// contains only weights; the network is then unchanged.
    pub fn load_checkpoint(&self, model: &dyn Network, epoch: Option<usize>) -> Result<TrainingState> {
        self.load_groups(&[("", model.var_store())], epoch)
    }

    /// As [`ModelManager::load_checkpoint`], into a learner with several parameter groups.
    ///
    /// # Errors
    /// As [`ModelManager::load_checkpoint`].
    pub fn load_learner(&self, learner: &dyn Learner, epoch: Option<usize>) -> Result<TrainingState> {
        self.load_groups(&learner.groups(), epoch)
    }

    fn load_groups(&self, groups: &checkpoint::Groups, epoch: Option<usize>) -> Result<TrainingState> {
        checkpoint::read_training(&self.folder.find_checkpoint(epoch)?, self.name(), groups, &self.config)
    }

    /// Loads only the weights of a checkpoint, to sample with. Returns the loss of each epoch up to it.
    ///
    /// # Errors
    /// As [`ModelManager::load_checkpoint`].
    pub fn load_weights(&self, model: &dyn Network, epoch: Option<usize>, weights: Weights) -> Result<Vec<EpochLoss>> {
        Ok(checkpoint::read_weights(
            &self.folder.find_checkpoint(epoch)?,
            model.var_store(),
            weights,
            &self.config.training,
        )?
        .history)
    }

    /// The loss of each epoch up to a checkpoint, without its weights.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`]; [`Error::Checkpoint`] for a file that is damaged.
    pub fn history(&self, epoch: Option<usize>) -> Result<Vec<EpochLoss>> {
        checkpoint::read_history(&self.folder.find_checkpoint(epoch)?)
    }

    /// A logger that writes pictures and samples to the model's numbered inference logs.
    pub fn inference_logger(&self, infer_type: InferType) -> InferenceLogger {
        InferenceLogger::in_folder(infer_type, self.folder.inference_logs_dir()).titled(self.name())
    }

    /// A logger for the samples drawn at the checkpoint of this epoch. It writes to `inference_logs/epoch_…`, where
    /// [`visualize_progress`](crate::visualize::visualize_progress) finds them, and replaces those of an interrupted
    /// training.
    pub fn checkpoint_logger(&self, infer_type: InferType, epoch: usize) -> InferenceLogger {
        let title = format!("{}, epoch {epoch}", self.name());
        InferenceLogger::at_folder(infer_type, self.folder.checkpoint_log(epoch)).titled(title)
    }

    /// The folder for the samples drawn at the checkpoint of this epoch, which may not exist.
    pub(crate) fn checkpoint_log(&self, epoch: usize) -> PathBuf {
        self.folder.checkpoint_log(epoch)
    }

    /// Locks out other trainings of the model until dropped.
    ///
    /// # Errors
    /// [`Error::Path`] if another process is training it.
    pub fn lock(&self) -> Result<TrainingLock> {
        self.folder.lock_to_train()
    }
}
