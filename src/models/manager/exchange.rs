//! Import and export of weights.

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
    /// (`.tar`, `.pt`: what `torch.save` writes) or `.safetensors`, such as [`ModelManager::export_weights`] writes.
    /// Nothing in the file is run. Names and shapes determine the network; `options` gives the rest.
    ///
    /// The model has one checkpoint with only weights: it can be sampled from and fine-tuned, but its training cannot
    /// be resumed.
    ///
    /// # Errors
    /// [`Error::Path`] if the name is taken; [`Error::Checkpoint`] for a file that is damaged, contains no weights or
    /// does not fit the network; [`Error::ConfigFile`] if the configuration next to it describes another network. In
    /// all these cases, nothing is written.
    pub fn import(base: &BaseConfig, name: &str, file: &Path, options: &ImportOptions) -> Result<Self> {
        Ok(Self::import_and_report(base, name, file, options)?.0)
    }

    /// As [`ModelManager::import`], with a report of what was used and what was ignored.
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
            let problem = "this already exists; import under a new name, or delete it first".to_owned();
            Error::Path { path: folder.path.clone(), problem }
        };
        if folder.path.exists() {
            return Err(is_taken());
        }
        let Imported { mut config, weights, progress, report } = original::import(base, file, options)?;
        config.base.compute.device = base.compute.device;
        let file = folder.checkpoint_file(progress.history.len());
        fs::create_dir_all(&base.models_dir).map_err(Error::io("create", &base.models_dir))?;
        // Fails if the folder exists: a training of that name may have started meanwhile.
        fs::create_dir(&folder.path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => is_taken(),
            _ => Error::Io { action: "create", path: folder.path.clone(), source: error },
        })?;
        let _lock = folder.make().and_then(|()| folder.lock()).inspect_err(|_| folder.remove_empty())?;
        let written = checkpoint::write_weights(&file, &weights, &progress, &config.training).and_then(|()| {
            // Written last: a folder with a configuration is a model.
            Ok(write_atomic(folder.config_file(), config.to_json()?.as_bytes())?)
        });
        if let Err(error) = written {
            // A partial model would block the next attempt.
            let _ = fs::remove_dir_all(&folder.path);
            return Err(error);
        }
        Ok((Self { folder, config }, report))
    }

    /// Writes the weights of a checkpoint to a `.safetensors` file, under the names of the original Python tutorial, so
    /// that its code can load them. [`ModelManager::import`] restores the same model from it, bit for bit if the
    /// weights are stored in f32. Returns remarks on what the original's code would do differently.
    ///
    /// # Errors
    /// As [`ModelManager::load_weights`]; [`Error::Unsupported`] for the reader's own network, and for weights that
    /// `storage` cannot represent; [`Error::Path`] for another extension; [`Error::Write`] if the file cannot be
    /// written.
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
