//! The folder of a model: the paths of its files, its checkpoints, and the lock that allows only one training at a
//! time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The folder `MODELS_DIR/NAME`, which may not exist yet.
#[derive(Debug, Clone)]
pub(crate) struct ModelFolder {
    pub name: String,
    pub path: PathBuf,
}

/// While this lock is held, no other process trains, changes or deletes the model.
#[derive(Debug)]
pub struct TrainingLock {
    _file: File,
}

impl ModelFolder {
    /// Rejects a name that is not a single, portable path component.
    pub fn new(models_dir: &Path, name: &str) -> Result<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let good = !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.chars().all(plain);
        if !good {
            return Err(Error::ModelName(name.to_owned()));
        }
        Ok(Self { name: name.to_owned(), path: models_dir.join(name) })
    }

    /// The models in a folder, by name.
    pub fn list(models_dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(models_dir).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let is_model = |name: &String| Self::new(models_dir, name).is_ok_and(|folder| folder.exists());
        let mut models: Vec<String> = names.filter(is_model).collect();
        models.sort();
        models
    }

    pub fn exists(&self) -> bool {
        self.config_file().exists()
    }

    pub fn make(&self) -> Result<()> {
        for folder in [self.checkpoints_dir(), self.inference_logs_dir()] {
            fs::create_dir_all(&folder).map_err(Error::io("create", folder))?;
        }
        Ok(())
    }

    pub fn config_file(&self) -> PathBuf {
        self.path.join("config.json")
    }

    pub fn inference_logs_dir(&self) -> PathBuf {
        self.path.join("inference_logs")
    }

    pub fn checkpoint_log(&self, epoch: usize) -> PathBuf {
        self.inference_logs_dir().join(format!("epoch_{epoch:04}"))
    }

    pub fn checkpoint_file(&self, epoch: usize) -> PathBuf {
        self.checkpoints_dir().join(checkpoint_name(epoch))
    }

    /// The checkpoint of a training that was stopped in the middle of an epoch. It exists only while it is the newest.
    pub fn stopped_file(&self) -> PathBuf {
        self.checkpoints_dir().join("stopped.safetensors")
    }

    /// The epochs that have a checkpoint, the newest last.
    pub fn checkpoints(&self) -> Vec<usize> {
        let entries = fs::read_dir(self.checkpoints_dir()).into_iter().flatten().flatten();
        let mut epochs: Vec<usize> = entries.filter_map(|entry| epoch_of(entry.file_name().to_str()?)).collect();
        epochs.sort_unstable();
        epochs
    }

    /// The checkpoint of that epoch, or the newest of all.
    pub fn find_checkpoint(&self, epoch: Option<usize>) -> Result<PathBuf> {
        if epoch.is_none() && self.stopped_file().exists() {
            return Ok(self.stopped_file());
        }
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

    /// Locks out other trainings until dropped.
    pub fn lock(&self) -> Result<TrainingLock> {
        // The folder itself can be locked, without a lock file.
        let path = self.checkpoints_dir();
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            let problem = "another process is training this model; wait for it, or stop it first".to_owned();
            return Err(Error::Path { path: self.path.clone(), problem });
        }
        Ok(TrainingLock { _file: file })
    }

    /// As [`ModelFolder::lock`], for a training: also removes partial files of a killed one.
    pub fn lock_to_train(&self) -> Result<TrainingLock> {
        let lock = self.lock()?;
        for entry in fs::read_dir(self.checkpoints_dir()).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|ending| ending == "part") {
                fs::remove_file(entry.path()).map_err(Error::io("delete", entry.path()))?;
            }
        }
        Ok(lock)
    }

    /// Removes the folders made by [`ModelFolder::make`], if they are empty.
    pub fn remove_empty(&self) {
        for folder in [self.checkpoints_dir(), self.inference_logs_dir(), self.path.clone()] {
            let _ = fs::remove_dir(folder);
        }
    }

    pub fn checkpoints_dir(&self) -> PathBuf {
        self.path.join("checkpoints")
    }
}

fn checkpoint_name(epoch: usize) -> String {
    format!("epoch_{epoch:04}.safetensors")
}

/// The epoch of a checkpoint file; `None` for any other name.
fn epoch_of(file_name: &str) -> Option<usize> {
    let epoch = file_name.strip_prefix("epoch_")?.strip_suffix(".safetensors")?.parse().ok()?;
    (checkpoint_name(epoch) == file_name).then_some(epoch)
}
