//! `Density`: how many neighbourhoods of data a sample lies in.

use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad_guard};

use super::Metric;
use super::neighbours::{Neighbourhoods, compared_by_neighbours, mean};
use crate::error::Result;

/// How many neighbourhoods of data a sample lies in, on average, by the `k` that it would be for equal distributions. Where
/// [`ImprovedPrecision`](super::ImprovedPrecision) asks for one, which may be that of an outlier, this counts them all. It can be above 1, where
/// samples crowd in dense places.
///
/// It needs at least `k + 1` vectors in each set. For equal distributions its mean is exactly 1. Naeem et al. 2020, equation 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Density {
    /// Which neighbour a neighbourhood reaches to; at least 1.
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
        Ok(mean(&Neighbourhoods::new(&b, self.k).around(&a)) / self.k as f64)
    }

    fn lower_is_better(&self) -> bool {
        false
    }
}
