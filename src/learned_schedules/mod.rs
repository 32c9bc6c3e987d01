//! Noise schedules that are learned together with the network.

mod monotone;
mod vdm;

pub use monotone::{GammaAt, LearnedSchedule};
pub use vdm::VdmLearner;
