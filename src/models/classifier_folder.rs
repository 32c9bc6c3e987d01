//! Classifiers in the folder of the models: `MODELS_DIR/NAME/classifier.safetensors`.

use std::fs;
use std::path::{Path, PathBuf};

use ddpm_utils::did_you_mean;
use tch::Device;

use super::folder::ModelFolder;
use crate::classifiers::NoisyClassifier;
use crate::error::{Error, Result};

const FILE: &str = "classifier.safetensors";

/// The classifiers in a folder of models, each in a folder of its own.
#[derive(Debug, Clone)]
pub struct ClassifierFolder {
    models_dir: PathBuf,
}

/// The place of a classifier that does not exist yet.
#[derive(Debug)]
pub struct NewClassifier {
    folder: PathBuf,
}

impl ClassifierFolder {
    /// Those in this folder.
    pub fn new(models_dir: &Path) -> Self {
        Self { models_dir: models_dir.to_owned() }
    }

    /// Their names.
    pub fn list(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.models_dir).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| self.file(name).is_ok_and(|file| file.exists())).collect();
        names.sort();
        names
    }

    /// The classifier of that name.
    ///
    /// # Errors
    /// [`Error::ModelName`] for an invalid name; [`Error::Config`] with the available ones if there is none; [`Error::Checkpoint`] for a damaged
    /// file.
    pub fn read(&self, name: &str, device: Device) -> Result<NoisyClassifier> {
        let file = self.file(name)?;
        if file.exists() {
            return NoisyClassifier::read(&file, device);
        }
        let known = self.list();
        let shown = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
        let expected = format!(
            "a classifier in {}, available: {shown}; `ddpm train-classifier --model {name}` trains one",
            self.models_dir.display()
        );
        let got = format!("{name:?}{}", did_you_mean(name, known.iter().map(String::as_str)));
        Err(Error::config("classifier", expected, got))
    }

    /// A place for a new classifier of that name.
    ///
    /// # Errors
    /// [`Error::ModelName`] for an invalid name; [`Error::Path`] if a model or a classifier of that name exists.
    pub fn place(&self, name: &str) -> Result<NewClassifier> {
        let file = self.file(name)?;
        let folder = ModelFolder::new(&self.models_dir, name)?;
        let taken = |what: &str| {
            let problem = format!("there is already a {what} of that name: choose another one, or delete the folder");
            Err(Error::Path { path: folder.path.clone(), problem })
        };
        match () {
            () if folder.exists() => taken("model"),
            () if file.exists() => taken("classifier"),
            () => Ok(NewClassifier { folder: folder.path.clone() }),
        }
    }

    fn file(&self, name: &str) -> Result<PathBuf> {
        Ok(ModelFolder::new(&self.models_dir, name)?.path.join(FILE))
    }
}

impl NewClassifier {
    /// Writes the classifier, and returns its file.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Write`] if the folder or the file cannot be written.
    pub fn save(&self, classifier: &NoisyClassifier) -> Result<PathBuf> {
        fs::create_dir_all(&self.folder).map_err(Error::io("create", &self.folder))?;
        let file = self.folder.join(FILE);
        classifier.save(&file)?;
        Ok(file)
    }
}
