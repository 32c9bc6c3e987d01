//! If a training step runs out of memory, the error says which batch size would fit.

use super::learner::Learner;
use crate::error::{Error, Result};
use crate::objectives::Batch;
use crate::out_of_memory::{if_it_fits, largest};

/// Runs a training step on a batch. If memory runs out, it finds the largest batch size that fits, by halving and then
/// by bisection.
pub(super) fn within_memory<T>(learner: &dyn Learner, batch: &Batch, step: impl FnOnce() -> Result<T>) -> Result<T> {
    let batch_size = batch.x0.size()[0];
    if_it_fits(step)?.map_err(|problem| {
        let fits = |n: i64| matches!(if_it_fits(|| learner.try_step(&batch.narrow(0, n))), Ok(Ok(())));
        Error::OutOfMemory { batch_size, fits: largest(batch_size, fits), said: problem.0 }
    })
}
