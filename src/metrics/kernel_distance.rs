//! `KernelDistance`: the squared maximum mean discrepancy of a cubic kernel, known as KID.

use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad_guard};

use super::Metric;
use super::pairs::unbiased_discrepancy;
use super::sets::compared;
use crate::error::Result;

/// The kernel (Inception) distance: the squared maximum mean discrepancy of `k(x, y) = ( x.y / D + 1 )^3`, which
/// depends on the first three moments. It is unbiased, so small sets suffice, and it can be negative. On the features
/// of the Inception network it is the KID.
///
/// It is computed over all pairs; Bińkowski et al. average over subsets of 1,000, which has the same mean. Each set
/// needs at least two vectors. Bińkowski et al. 2018, section 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelDistance;

impl Metric for KernelDistance {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        let _no_grad = no_grad_guard();
        let (a, b) = compared(a, b, 2)?;
        let d = a.size()[1] as f64;
        let kernel = |x: &Tensor, y: &Tensor| (x / d).matmul(&y.tr()).g_add_scalar_(1.0).pow_(3.0);
        Ok(unbiased_discrepancy(&a, &b, &kernel))
    }

    fn lower_is_better(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_matches_the_equation_for_two_pairs() {
        let (a, b) = (Tensor::from_slice(&[0.0, 2.0]).view([2, 1]), Tensor::from_slice(&[1.0, 3.0]).view([2, 1]));
        let k = |x: f64, y: f64| (x * y + 1.0).powi(3);
        let between = (k(0.0, 1.0) + k(0.0, 3.0) + k(2.0, 1.0) + k(2.0, 3.0)) / 4.0;
        assert_eq!(KernelDistance.compare(&a, &b).unwrap(), k(0.0, 2.0) + k(1.0, 3.0) - 2.0 * between);
    }
}
