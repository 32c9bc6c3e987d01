//! `ModelManager`: a model's folder, with its configuration, its checkpoints and its inference logs.

mod exchange;
mod making;

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
/// Every file is written whole or not at all. Where a function takes a checkpoint's number, `None` is the newest.
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

    /// What it is made from.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The model, with the averaged weights of the newest checkpoint, or with fresh ones where there is none yet.
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

    /// The checkpoints that there are, by epoch, the newest last.
    pub fn checkpoints(&self) -> Vec<usize> {
        self.folder.checkpoints()
    }

    /// Writes a checkpoint of the epoch that `state` is at.
    ///
    /// # Errors
    /// [`Error::Path`] where that checkpoint exists: see [`ModelManager::update_checkpoint`].
    pub fn create_checkpoint(&self, state: &TrainingState) -> Result<PathBuf> {
        let path = self.folder.checkpoint_file(state.epoch());
        if path.exists() {
            let problem = "this checkpoint exists; update_checkpoint replaces it".to_owned();
            return Err(Error::Path { path, problem });
        }
        self.update_checkpoint(state)
    }

    /// Writes a checkpoint of the epoch that `state` is at, in place of one that may be there. A training that was stopped in
    /// the middle of an epoch gets one of its own, which the next one replaces.
    ///
    /// # Errors
    /// [`Error::Write`] where it cannot be written; one that was there is unharmed.
    pub fn update_checkpoint(&self, state: &TrainingState) -> Result<PathBuf> {
        let stopped = self.folder.stopped_file();
        let in_epoch = state.steps_into_epoch() > 0;
        let path = if in_epoch { stopped.clone() } else { self.folder.checkpoint_file(state.epoch()) };
        checkpoint::write(&path, state, self.config.base.seed)?;
        if !in_epoch && stopped.exists() {
            fs::remove_file(&stopped).map_err(Error::io("delete", stopped))?;
        }
        self.tell_how_to_go_on(state);
        Ok(path)
    }

    /// For a reader whose cell's process has gone, and every variable with it.
    fn tell_how_to_go_on(&self, state: &TrainingState) {
        let (name, epoch) = (self.name(), state.epoch());
        let steps = match state.steps_into_epoch() {
            0 => String::new(),
            steps => format!(" and {steps} steps"),
        };
        ddpm_utils::tell_checkpoint(format!(
            "{name}, epoch {epoch}{steps}. With `base` made again, these lines load it: let manager: ModelManager = \
             ModelManager::open(&base, {name:?})?; let model: Model = manager.get_model()?; and `train` goes on \
             from it by itself."
        ));
    }

    /// Whether there is anything to go on from.
    pub fn has_checkpoint(&self) -> bool {
        self.folder.find_checkpoint(None).is_ok()
    }

    /// Loads a checkpoint into a network to train on: its weights, and the state to go on from.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`]; [`Error::Checkpoint`] for a file that is damaged, of another network, or holds weights only,
    /// in which case the network is as it was.
    pub fn load_checkpoint(&self, model: &dyn Network, epoch: Option<usize>) -> Result<TrainingState> {
        self.load_groups(&[("", model.var_store())], epoch)
    }

    /// As [`ModelManager::load_checkpoint`], into a learner that has several groups of parameters.
    ///
    /// # Errors
    /// As there.
    pub fn load_learner(&self, learner: &dyn Learner, epoch: Option<usize>) -> Result<TrainingState> {
        self.load_groups(&learner.groups(), epoch)
    }

    fn load_groups(&self, groups: &checkpoint::Groups, epoch: Option<usize>) -> Result<TrainingState> {
        checkpoint::read_training(&self.folder.find_checkpoint(epoch)?, self.name(), groups, &self.config)
    }

    /// Loads a checkpoint's weights alone, to sample with. Returns the loss of each epoch up to it.
    ///
    /// # Errors
    /// As [`ModelManager::load_checkpoint`].
    pub fn load_weights(&self, model: &dyn Network, epoch: Option<usize>, weights: Weights) -> Result<Vec<EpochLoss>> {
        Ok(checkpoint::read_weights(&self.folder.find_checkpoint(epoch)?, model.var_store(), weights)?.history)
    }

    /// The loss of each epoch up to a checkpoint, without its weights.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`]; [`Error::Checkpoint`] for a file that is damaged.
    pub fn history(&self, epoch: Option<usize>) -> Result<Vec<EpochLoss>> {
        checkpoint::read_history(&self.folder.find_checkpoint(epoch)?)
    }

    /// A logger whose pictures and samples land in the model's numbered inference logs.
    pub fn inference_logger(&self, infer_type: InferType) -> InferenceLogger {
        InferenceLogger::in_folder(infer_type, self.folder.inference_logs_dir()).titled(self.name())
    }

    /// A logger for the samples that are drawn at the checkpoint of this epoch, into `inference_logs/epoch_…`, in place of
    /// those that an interrupted training may have left there. [`visualize_progress`](crate::visualize::visualize_progress)
    /// finds them.
    pub fn checkpoint_logger(&self, infer_type: InferType, epoch: usize) -> InferenceLogger {
        let title = format!("{}, epoch {epoch}", self.name());
        InferenceLogger::at_folder(infer_type, self.folder.checkpoint_log(epoch)).titled(title)
    }

    /// The folder of the samples that were drawn at the checkpoint of this epoch, whether it is there or not.
    pub(crate) fn checkpoint_log(&self, epoch: usize) -> PathBuf {
        self.folder.checkpoint_log(epoch)
    }

    /// Keeps other trainings out of the model's folder until dropped.
    ///
    /// # Errors
    /// [`Error::Path`] where another process trains it.
    pub fn lock(&self) -> Result<TrainingLock> {
        self.folder.lock_to_train()
    }
}
