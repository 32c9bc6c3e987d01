//! Models from files of weights, and files of weights from models.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use ddpm_utils::atomic::write_atomic;

use super::ModelManager;
use crate::config::BaseConfig;
use crate::error::{Error, Result};
use crate::models::checkpoint::{self, Weights};
use crate::models::folder::ModelFolder;
use crate::models::original::{self, ImportOptions, ImportReport, Imported};
use crate::tensor_file::StorageKind;

impl ModelManager {
    /// Makes the model `name` in `base.models_dir` from a file of weights: a checkpoint of the original Python tutorial
    /// (`.tar`, `.pt`: what `torch.save` writes) or `.safetensors`, such as [`ModelManager::export_weights`] writes. Nothing
    /// in the file is run. The network follows from names and shapes; what they do not show, from `options`.
    ///
    /// The model has one checkpoint, of weights alone: it can be sampled from and fine-tuned, not trained on.
    ///
    /// # Errors
    /// [`Error::Path`] where something of that name is there; [`Error::Checkpoint`] for a file that is damaged, holds
    /// something else than weights or does not fit the network; [`Error::ConfigFile`] where the configuration beside it is of
    /// another network. Nothing was written then.
    pub fn import(base: &BaseConfig, name: &str, file: &Path, options: &ImportOptions) -> Result<Self> {
        Ok(Self::import_and_report(base, name, file, options)?.0)
    }

    /// As [`ModelManager::import`], with what was taken of the file and what was passed over.
    ///
    /// # Errors
    /// As [`ModelManager::import`].
    pub fn import_and_report(
        base: &BaseConfig,
        name: &str,
        file: &Path,
        options: &ImportOptions,
    ) -> Result<(Self, ImportReport)> {
        let folder = ModelFolder::new(&base.models_dir, name)?;
        let is_taken = || {
            let problem = "this is there already; import under a new name, or delete it first".to_owned();
            Error::Path { path: folder.path.clone(), problem }
        };
        if folder.path.exists() {
            return Err(is_taken());
        }
        let Imported { mut config, weights, progress, report } = original::import(base, file, options)?;
        config.base.compute.device = base.compute.device;
        let file = folder.checkpoint_file(progress.history.len());
        fs::create_dir_all(&base.models_dir).map_err(Error::io("create", &base.models_dir))?;
        // Made here and by nobody else: a training of that name may have begun meanwhile.
        fs::create_dir(&folder.path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => is_taken(),
            _ => Error::Io { action: "create", path: folder.path.clone(), source: error },
        })?;
        let _lock = folder.make().and_then(|()| folder.lock()).inspect_err(|_| folder.remove_empty())?;
        let written = checkpoint::write_weights(&file, &weights, &progress).and_then(|()| {
            // Last: a folder with a configuration is a model.
            Ok(write_atomic(folder.config_file(), config.to_json()?.as_bytes())?)
        });
        if let Err(error) = written {
            // Half a model would be in the way of the next attempt; it was not there before.
            let _ = fs::remove_dir_all(&folder.path);
            return Err(error);
        }
        Ok((Self { folder, config }, report))
    }

    /// Writes the weights of a checkpoint to a `.safetensors` file, under the names that the original Python tutorial has
    /// for them, so that its code loads them. [`ModelManager::import`] makes the same model of it again: bit for bit
    /// where they are stored in f32. Returns what the original's code would do differently with them, a line each.
    ///
    /// # Errors
    /// As [`ModelManager::load_weights`]; [`Error::Unsupported`] for a network of the reader's own, and for weights that
    /// `storage` cannot hold; [`Error::Path`] for another ending; [`Error::Write`] where the file cannot be written.
    pub fn export_weights(
        &self,
        file: &Path,
        epoch: Option<usize>,
        weights: Weights,
        storage: StorageKind,
    ) -> Result<Vec<String>> {
        if !file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("safetensors")) {
            let problem = "expected a name ending in .safetensors".to_owned();
            return Err(Error::Path { path: file.to_owned(), problem });
        }
        original::export(&self.config, &self.folder.find_checkpoint(epoch)?, weights, storage, file)
    }
}
