//! `FrechetDistance`: the distance between two Gaussians; on the features of the Inception network, it is the FID.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad_guard};

use super::Metric;
use super::sets::compared;
use crate::error::Result;

/// The squared 2-Wasserstein distance between the Gaussians with the means and covariances of the two sets:
///
/// ```text
/// |m_a - m_b|^2 + tr( C_a + C_b - 2 ( C_a^(1/2) C_b C_a^(1/2) )^(1/2) )
/// ```
/// It depends only on the first two moments. It is too large for small sets, by an amount that depends on the
/// distributions: compare sets of the same size, or [`extrapolate`](super::extrapolate). Each set needs at least two
/// vectors, and many more than `D` for meaningful covariances. Heusel et al. 2017, section 4; the root of the symmetric
/// product used here is real, and has the same trace as that of `C_a C_b` there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrechetDistance;

impl Metric for FrechetDistance {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        let _no_grad = no_grad_guard();
        let (a, b) = compared(a, b, 2)?;
        let ((mean_a, covariance_a), (mean_b, covariance_b)) = (moments(&a), moments(&b));
        let (values, vectors) = covariance_a.f_linalg_eigh("L")?;
        let root = (&vectors * values.clamp_min(0.0).sqrt()).matmul(&vectors.tr());
        let product = root.matmul(&covariance_b).matmul(&root);
        let of_product = product.f_linalg_eigvalsh("L")?.clamp_min(0.0).sqrt();
        let traces = covariance_a.trace() + covariance_b.trace() - 2.0 * of_product.sum(Kind::Double);
        let distance: Tensor = (mean_a - mean_b).square().sum(Kind::Double) + traces;
        Ok(distance.double_value(&[]).max(0.0))
    }

    fn lower_is_better(&self) -> bool {
        true
    }
}

/// Mean `[D]` and covariance `[D, D]`, the latter unbiased.
fn moments(x: &Tensor) -> (Tensor, Tensor) {
    let mean = x.mean_dim([0].as_slice(), false, Kind::Double);
    let centred = x - &mean;
    let covariance = centred.tr().matmul(&centred) / (x.size()[0] - 1) as f64;
    (mean, covariance)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::random::{Draws, Stream};

    /// Vectors whose mean is exactly 0 and whose covariance is exactly the unit matrix.
    fn whitened(n: i64, d: i64) -> Tensor {
        let x = Draws::new(3, Stream::FreshData, 0).normal(&[n, d], Device::Cpu).to_kind(Kind::Double);
        let (mean, covariance) = moments(&x);
        let (values, vectors) = covariance.linalg_eigh("L");
        (x - mean).matmul(&(vectors / values.sqrt()))
    }

    /// `|delta|^2 + sum ( sqrt(lambda_1) - sqrt(lambda_2) )^2` for covariances with the same eigenvectors.
    #[test]
    fn it_is_exact_for_commuting_covariances() {
        let white = whitened(200, 3);
        let (rotation, _) =
            Tensor::linalg_qr(&Draws::new(4, Stream::FreshData, 0).normal(&[3, 3], Device::Cpu).to_kind(Kind::Double), "reduced");
        let deviations = |of: [f64; 3]| Tensor::from_slice(&of);
        let (one, other) = (deviations([2.0, 0.5, 1.0]), deviations([1.0, 0.7, 0.0]));
        let turned = |x: Tensor| x.matmul(&rotation.tr());
        let delta = Tensor::from_slice(&[0.3, -0.4, 1.2]);
        let (a, b) = (turned(&white * &one), turned(&white * &other) + &delta);
        let expected = 1.3 * 1.3 + 1.0 + 0.2 * 0.2 + 1.0;
        let found = FrechetDistance.compare(&a, &b).unwrap();
        assert!((found - expected).abs() < 1e-7, "{found}");
        assert!(FrechetDistance.compare(&a, &a).unwrap() < 1e-12);
    }
}
