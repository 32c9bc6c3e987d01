//! What a run is made from. Each configuration has a `Default` to start from:
//! `TrainingConfig { epochs: 20, ..Default::default() }`. Everything that takes a configuration checks it first.

mod base;
mod file;
mod model;
mod network;
mod precision;
mod training;
mod unet;

pub use base::BaseConfig;
pub use file::ConfigFile;
pub use model::ModelConfig;
pub(crate) use model::differences;
pub use network::{FnnConfig, NetworkConfig};
pub use precision::Precision;
pub use training::{LearningRateSchedule, TrainingConfig};
pub use unet::UnetConfig;
pub(crate) use unet::{GROUPS, HEADS};

use crate::error::{Error, Result};

/// More of anything than this is a slip, or an attack on the memory.
const MANY: usize = 1_000_000_000;
/// The longest configuration file that is read, in bytes.
pub(crate) const LONGEST: u64 = 1 << 20;

pub(crate) fn require(
    holds: bool,
    field: &'static str,
    expected: &'static str,
    got: impl std::fmt::Display,
) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::config(field, expected, got)) }
}
