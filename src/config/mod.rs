//! What a run is made from. Each configuration has a `Default` to start from:
//! `TrainingConfig { epochs: 20, ..Default::default() }`. Everything that takes a configuration checks it first.
//!
//! The configuration of a part stands where the part is: [`UnetConfig`](crate::networks::UnetConfig) beside the U-Net. Here they are
//! put together, and turned into what they describe.

mod base;
mod build;
mod checkpoints;
mod infer_type;
mod learning_rate;
mod training;

pub use base::{BaseConfig, ComputeConfig};
pub use build::{get_model, get_process};
pub use checkpoints::CheckpointConfig;
pub use infer_type::InferType;
pub use training::{LearningRateSchedule, TrainingConfig};
