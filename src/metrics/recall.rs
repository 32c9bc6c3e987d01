//! `ImprovedRecall`: the share of the data that lies where samples are.

use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad_guard};

use super::Metric;
use super::neighbours::{Neighbourhoods, compared_by_neighbours, mean};
use crate::error::Result;

/// The share of the data that lies in a neighbourhood of the samples: [`ImprovedPrecision`](super::ImprovedPrecision)
/// with the sets exchanged. It measures whether samples cover all of the data; a missing mode lowers it by its share. A
/// sample far from all others has a large neighbourhood that can hide this, which [`Coverage`](super::Coverage) avoids.
/// Kynkäänniemi et al. 2019, equation 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImprovedRecall {
    /// `k`: neighbourhoods reach to the `k`-th nearest neighbour; at least 1.
    pub k: i64,
}

impl Default for ImprovedRecall {
    fn default() -> Self {
        Self { k: 3 }
    }
}

impl Metric for ImprovedRecall {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        let _no_grad = no_grad_guard();
        let (a, b) = compared_by_neighbours(a, b, self.k)?;
        Ok(mean(&Neighbourhoods::new(&a, self.k).count_containing(&b).gt(0)))
    }

    fn lower_is_better(&self) -> bool {
        false
    }
}
