//! If a training step runs out of memory, the error says which batch size would fit.

use std::iter::successors;

use super::learner::Learner;
use crate::error::{Error, Result};
use crate::objectives::Batch;
use crate::out_of_memory::within_memory;

/// Runs a training step on a batch. If memory runs out, it tries half of the batch, then half of that, until one fits.
pub(super) fn step_within_memory<T>(
    learner: &dyn Learner,
    batch: &Batch,
    step: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let batch_size = batch.x0.size()[0];
    within_memory(batch_size, step).map_err(|error| match error {
        Error::OutOfMemory { said, .. } => {
            let fits = |n: &i64| within_memory(*n, || learner.try_step(&batch.narrow(0, *n))).is_ok();
            let mut halves = successors(Some(batch_size), |n| (*n > 1).then_some((n + 1) / 2)).skip(1);
            Error::OutOfMemory { batch_size, fits: halves.find(fits), said }
        }
        other => other,
    })
}
