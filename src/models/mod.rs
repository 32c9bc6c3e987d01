//! Models: their folders, their checkpoints, complete trainings, and import and export of weights.

mod checkpoint;
mod classifier_folder;
mod compatibility;
mod config;
mod config_file;
mod differences;
mod folder;
mod manager;
mod migration;
mod original;
mod trained_for;
mod training_run;

pub use crate::tensor_file::StorageKind;
pub use checkpoint::Weights;
pub use classifier_folder::{ClassifierFolder, NewClassifier};
pub use config::ModelConfig;
pub use config_file::ConfigFile;
pub use folder::TrainingLock;
pub use manager::ModelManager;
pub use original::{ImportOptions, ImportReport};
pub use training_run::{samples_are_due, train, train_on_pairs_until, train_until};
