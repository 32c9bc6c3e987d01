//! The configuration of a run. Each configuration has a `Default` to start from:
//! `TrainingConfig { epochs: 20, ..Default::default() }`. Everything that takes a configuration checks it first.
//!
//! The configuration of a component is defined next to the component: [`UnetConfig`](crate::networks::UnetConfig) next
//! to the U-Net. This module combines the configurations and builds what they describe.

mod base;
mod build;
mod checkpoints;
mod design;
mod infer_type;
mod learning_rate;
mod training;

pub use base::{BaseConfig, ComputeConfig};
pub use build::{get_model, get_process};
pub use checkpoints::CheckpointConfig;
pub use design::Design;
pub use infer_type::InferType;
pub use training::{LearningRateSchedule, TrainingConfig};
