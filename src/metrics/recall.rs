//! `ImprovedRecall`: the share of the data that lies where samples are.

use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad_guard};

use super::Metric;
use super::neighbours::{Neighbourhoods, compared_by_neighbours, mean};
use crate::error::Result;

/// The share of the data that lies in the neighbourhood of some sample: [`ImprovedPrecision`](super::ImprovedPrecision) with the sets in each other's place. Whether all that
/// there is can be drawn; a mode that is left out costs its share. One sample far from all others has a large neighbourhood, and may
/// hide that, which [`Coverage`](super::Coverage) avoids. Kynkäänniemi et al. 2019, equation 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImprovedRecall {
    /// Which neighbour a neighbourhood reaches to; at least 1.
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
        Ok(mean(&Neighbourhoods::new(&a, self.k).around(&b).gt(0)))
    }

    fn lower_is_better(&self) -> bool {
        false
    }
}
