//! `Hardness`: how rare samples are, to guide towards those that the data has few of.

use tch::{Kind, Tensor};

use crate::error::{Error, Result};

/// The hardness score: the negative log likelihood of features `phi` under the Gaussian of the features of the data.
///
/// ```text
/// H(x) = 1/2 ( ( phi(x) - mu )^T Sigma^{-1} ( phi(x) - mu ) + ln det Sigma + F ln( 2 pi ) )
/// ```
/// Sehwag et al. 2022 (Generating high fidelity data from low-density regions), section 3, with `mu` and `Sigma` of one class.
/// [`PredictedGuided`](super::PredictedGuided) by `+ H` with the scale `alpha` draws rarer samples; by `- H`, more typical ones. Their classifier
/// sees noisy samples; here `H` is that of the predicted data, so any features will do. A second [guidance](super::ClassifierGuided), by the log
/// probability of a classifier that tells data from samples, keeps samples realistic, as theirs does.
///
/// For Gaussian data of variance `s^2`, with the numbers themselves as features, the ODE ends with the variance `s^2 exp( alpha )`.
///
/// ```
/// use ddpm_tutor::prelude::*;
/// let data = Tensor::randn([100, 2], (Kind::Double, Device::Cpu));
/// let process = EdmNoise::default();
/// let oracle = GaussianOracle::fitted(&process, &data, 2)?;
/// let hardness = Hardness::fitted(&data)?;
/// let rare = |x0: &Tensor| hardness.of(x0);
/// let guided = PredictedGuided::new(&oracle, &process, &rare, 0.5)?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Hardness {
    /// `mu`, `[F]`, f64.
    mean: Tensor,
    /// `Sigma^{-1}`, `[F, F]`, f64.
    precision: Tensor,
    /// `ln det Sigma + F ln( 2 pi )`
    constant: f64,
}

impl Hardness {
    /// The Gaussian of these features.
    ///
    /// # Shapes
    /// `features`: `[N, F]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape; [`Error::Unsupported`] if a combination of the features is constant, as with at most `F` samples.
    pub fn fitted(features: &Tensor) -> Result<Self> {
        let x = features.to_kind(Kind::Double);
        let &[n, f] = &x.size()[..] else {
            return Err(Error::Shape { what: "features", expected: "[N, F]".to_owned(), got: x.size() });
        };
        let mean = x.mean_dim(0, false, Kind::Double);
        let centred = &x - &mean;
        let covariance = centred.tr().matmul(&centred) / (n - 1).max(1) as f64;
        let constant_features = || {
            Error::Unsupported(format!(
                "the covariance of {f} features of {n} samples has no inverse: use more samples than features, and no features that are constant"
            ))
        };
        let root = covariance.f_linalg_cholesky(false).map_err(|_| constant_features())?;
        let diagonal = root.diagonal(0, 0, 1);
        // Rounding alone decides whether a matrix without inverse has a root.
        let least = (diagonal.min() / diagonal.max()).double_value(&[]);
        if least.is_nan() || least < 1e-7 {
            return Err(constant_features());
        }
        let log_determinant = 2.0 * diagonal.log().sum(Kind::Double).double_value(&[]);
        let constant = log_determinant + f as f64 * std::f64::consts::TAU.ln();
        Ok(Self { mean, precision: root.cholesky_inverse(false), constant })
    }

    /// `H` of each sample, in nats, with gradients.
    ///
    /// # Shapes
    /// `features`: `[N, F]`. Returns `[N]` f64.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of features.
    pub fn of(&self, features: &Tensor) -> Result<Tensor> {
        let f = self.mean.size()[0];
        if features.dim() != 2 || features.size()[1] != f {
            return Err(Error::Shape { what: "features", expected: format!("[N, {f}]"), got: features.size() });
        }
        let centred = features.to_kind(Kind::Double) - &self.mean;
        let distance = (centred.matmul(&self.precision) * centred).sum_dim_intlist([1].as_slice(), false, Kind::Double);
        Ok((distance + self.constant) * 0.5)
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn hardness_is_the_negative_log_likelihood() {
        // Mean ( 1, -1 ), covariance diag( 4, 1 ) * 4 / 3.
        let data = Tensor::from_slice(&[3.0, 0.0, 3.0, -2.0, -1.0, 0.0, -1.0, -2.0]).view([4, 2]);
        let hardness = Hardness::fitted(&data).unwrap();
        let (v1, v2) = (16.0 / 3.0, 4.0 / 3.0_f64);
        let found = hardness.of(&Tensor::from_slice(&[2.0, 1.0]).view([1, 2])).unwrap().double_value(&[0]);
        let expected = 0.5 * (1.0 / v1 + 4.0 / v2 + (v1 * v2).ln() + 2.0 * std::f64::consts::TAU.ln());
        assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
        assert!(hardness.of(&Tensor::zeros([1, 3], (Kind::Double, Device::Cpu))).is_err());
        let copies = Tensor::ones([5, 2], (Kind::Double, Device::Cpu));
        assert!(Hardness::fitted(&copies).unwrap_err().to_string().contains("more samples than features"));
        assert!(Hardness::fitted(&data.narrow(0, 0, 2)).is_err());
    }
}
