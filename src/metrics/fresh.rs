//! `fresh_points`: points of a data set that no training has seen.

use tch::Tensor;

use crate::datasets::Dataset;
use crate::error::Result;
use crate::points::to_tensor;
use crate::random::{self, Stream};

/// `n` points from a stream of their own: whatever the seed of a training, they are not its data.
///
/// # Shapes
/// Returns `[n, D]`, f32.
///
/// # Errors
/// [`Error::Unsupported`](crate::Error::Unsupported) for data that is not points.
pub fn fresh_points(dataset: &Dataset, n: i64, seed: u64) -> Result<Tensor> {
    Ok(to_tensor(&dataset.sample(n as usize, random::derive(seed, Stream::FreshData, 0))?))
}
