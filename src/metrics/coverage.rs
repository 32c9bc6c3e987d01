//! `Coverage`: the share of the data with a sample in its neighbourhood.

use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad_guard};

use super::Metric;
use super::neighbours::{Neighbourhoods, compared_by_neighbours, mean};
use crate::error::Result;

/// The share of the data with a sample in its neighbourhood. Unlike [`ImprovedRecall`](super::ImprovedRecall) it uses
/// neighbourhoods of the data, which has fewer outliers than samples.
///
/// Each set needs at least `k + 1` vectors. For equal distributions and `N = M` samples its mean is
///
/// ```text
/// 1 - (N - 1) … (N - k) / ( (2N - 1) … (2N - k) ),    which tends to 1 - 2^(-k)
/// ```
/// Naeem et al. 2020, equation 4 and lemma 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Coverage {
    /// `k`: neighbourhoods reach to the `k`-th nearest neighbour; at least 1.
    pub k: i64,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { k: 5 }
    }
}

impl Metric for Coverage {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        let _no_grad = no_grad_guard();
        let (a, b) = compared_by_neighbours(a, b, self.k)?;
        Ok(mean(&Neighbourhoods::new(&b, self.k).occupied(&a)))
    }

    fn lower_is_better(&self) -> bool {
        false
    }
}
