//! Flows that learn from pairs: of a sample and the noise that another flow draws it from (reflow), or of any two samples.

mod pair_learner;
mod reflow;

pub use pair_learner::PairLearner;
pub use reflow::{draw_noise_of_pairs, reflow_pairs};
