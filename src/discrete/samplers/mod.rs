//! Samplers of categories: from noise to symbols. All of them run in a [`TokenChain`](super::TokenChain).

mod ancestral;
mod any_order;
mod tau_leaping;

use std::fmt::Debug;

use tch::Tensor;

pub use ancestral::TokenAncestral;
pub use any_order::{AnyOrder, RevealOrder};
pub use tau_leaping::TauLeaping;

use super::corruption::Corruption;
use super::predictor::TokenPredictor;
use crate::error::Result;

/// An algorithm that turns noise into symbols: the times that it visits, and the step from one to the next.
pub trait TokenSampler: Debug {
    /// The process that it reverses.
    fn corruption(&self) -> &dyn Corruption;

    /// The times that it visits from `start`, usually from the end of the process to 0.
    ///
    /// # Shapes
    /// `start`: `[N, L]` int64.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for a process that it cannot reverse.
    fn times(&self, start: &Tensor) -> Result<Vec<f64>>;

    /// Takes the tokens from the time `from` to the time `to` before it, with randomness from libtorch's generator.
    ///
    /// # Shapes
    /// `x_t`: `[N, L]` int64; so is the result.
    ///
    /// # Errors
    /// Those of the predictor, and of the process.
    fn step(&self, predictor: &dyn TokenPredictor, x_t: &Tensor, from: f64, to: f64) -> Result<Tensor>;
}
