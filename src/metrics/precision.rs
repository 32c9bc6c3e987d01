//! `ImprovedPrecision`: the share of the samples that lie where data is.

use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad_guard};

use super::Metric;
use super::neighbours::{Neighbourhoods, compared_by_neighbours, mean};
use crate::error::Result;

/// The share of the samples that lie in a neighbourhood of the data: a ball around a vector that reaches to its `k`-th
/// nearest neighbour. It measures whether individual samples are good; [`ImprovedRecall`](super::ImprovedRecall)
/// measures whether they cover all of the data.
///
/// Each set needs at least `k + 1` vectors. For equal distributions it stays below 1, however large the sets are: in
/// many dimensions it tends to about `1 - exp(-k)`, the share of points in at least one neighbourhood if points are in
/// `k` neighbourhoods on average. Kynkäänniemi et al. 2019, equation 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImprovedPrecision {
    /// `k`: neighbourhoods reach to the `k`-th nearest neighbour; at least 1.
    pub k: i64,
}

impl Default for ImprovedPrecision {
    fn default() -> Self {
        Self { k: 3 }
    }
}

impl Metric for ImprovedPrecision {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        let _no_grad = no_grad_guard();
        let (a, b) = compared_by_neighbours(a, b, self.k)?;
        Ok(mean(&Neighbourhoods::new(&b, self.k).count_containing(&a).gt(0)))
    }

    fn lower_is_better(&self) -> bool {
        false
    }
}
