//! `Density`: how many neighbourhoods of the data contain a sample.

use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad_guard};

use super::Metric;
use super::neighbours::{Neighbourhoods, compared_by_neighbours, mean};
use crate::error::Result;

/// The mean number of neighbourhoods of the data that contain a sample, divided by `k`, its value for equal
/// distributions. [`ImprovedPrecision`](super::ImprovedPrecision) only asks whether there is one, which may belong to
/// an outlier; this counts all of them. It can be above 1 if samples concentrate in dense regions.
///
/// Each set needs at least `k + 1` vectors. For equal distributions its mean is exactly 1. Naeem et al. 2020, equation
/// 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Density {
    /// `k`: neighbourhoods reach to the `k`-th nearest neighbour; at least 1.
    pub k: i64,
}

impl Default for Density {
    fn default() -> Self {
        Self { k: 5 }
    }
}

impl Metric for Density {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        let _no_grad = no_grad_guard();
        let (a, b) = compared_by_neighbours(a, b, self.k)?;
        Ok(mean(&Neighbourhoods::new(&b, self.k).count_containing(&a)) / self.k as f64)
    }

    fn lower_is_better(&self) -> bool {
        false
    }
}
