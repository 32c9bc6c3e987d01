//! Objectives: what training minimizes.

mod simple;
mod timestep_sampling;

use std::fmt::Debug;

use tch::{Kind, Reduction, Tensor};

pub use simple::Simple;
pub use timestep_sampling::TimestepSampling;

use crate::error::Result;
use crate::model::Model;
use crate::process::Process;

/// A batch of samples, with their labels.
#[derive(Debug)]
pub struct Batch {
    /// `x_0`, `[B, …]` f32.
    pub x0: Tensor,
    /// The class of each sample, `[B]` int64, where the data set has classes.
    pub label: Option<Tensor>,
}

impl Batch {
    /// Data without classes.
    pub fn of(x0: Tensor) -> Self {
        Self { x0, label: None }
    }

    /// `length` of its samples, from `start` on.
    #[must_use]
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        let part = |of: &Tensor| of.narrow(0, start, length);
        Self { x0: part(&self.x0), label: self.label.as_ref().map(part) }
    }
}

/// The loss of a batch.
#[derive(Debug)]
pub struct Loss {
    /// The times that it was looked at, `[B]`, where there were any.
    pub t: Option<Tensor>,
    /// The loss of each sample, `[B]`, which training takes the mean of.
    pub by_sample: Tensor,
}

/// What the training of a model minimizes.
pub trait Objective: Debug {
    /// The loss of a batch, at times and with noise that it draws from libtorch's generator.
    ///
    /// # Errors
    /// Those of the model; [`Error::Unsupported`](crate::Error::Unsupported) for a process that it cannot be used with.
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss>;
}

/// The mean of `(output - target)^2` over each sample, `[B]`; Ho et al. 2020, equation 14, has the sum.
pub(crate) fn squared_error(output: &Tensor, target: &Tensor) -> Tensor {
    output.mse_loss(target, Reduction::None).flatten(1, -1).mean_dim(1, false, Kind::Float)
}
