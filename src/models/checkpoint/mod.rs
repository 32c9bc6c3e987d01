//! Checkpoints: safetensors files with weights, moving average and optimizer moments, and the progress of the training
//! in the header; or with weights only, to sample with. A file is written completely or not at all, and is not trusted
//! when read.

mod file;
mod read;
mod write;

pub use file::Weights;
pub(crate) use file::{Groups, Progress};
pub(crate) use read::{read_history, read_training, read_weights};
pub(crate) use write::{write, write_weights};
