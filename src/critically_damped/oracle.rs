//! `DampedGaussianOracle`: the exact score of the velocity for Gaussian data.

use tch::{Kind, Tensor};

use super::process::{Covariance, CriticallyDamped};
use super::score::VelocityScore;
use crate::error::{Error, Result, require};

/// The score of the velocity for data `N(m, s^2 I)`, without a network. Position and velocity are Gaussian at all times.
///
/// ```text
/// score = - ( S_xx ( v - m_v ) - S_xv ( x - m_x ) ) / ( S_xx S_vv - S_xv^2 )
/// ```
/// with the mean and the covariance of [`CriticallyDamped::transition`] and [`CriticallyDamped::covariance_after`].
pub struct DampedGaussianOracle<'a> {
    process: &'a CriticallyDamped,
    mean: Tensor,
    variance: f64,
}

impl<'a> DampedGaussianOracle<'a> {
    /// For data with this mean, and the same variance in every direction.
    ///
    /// # Shapes
    /// `mean`: the shape of one sample.
    ///
    /// # Errors
    /// [`Error::Config`] for a negative variance, and for invalid settings of the process.
    pub fn new(process: &'a CriticallyDamped, mean: &Tensor, variance: f64) -> Result<Self> {
        process.validate()?;
        require(variance >= 0.0 && variance.is_finite(), "DampedGaussianOracle.variance", "0 or more", variance)?;
        Ok(Self { process, mean: mean.to_kind(Kind::Double), variance })
    }
}

impl VelocityScore for DampedGaussianOracle<'_> {
    fn score(&self, x: &Tensor, v: &Tensor, t: f64) -> Result<Tensor> {
        CriticallyDamped::check_time(t)?;
        if x.size()[1..] != self.mean.size() || v.size() != x.size() {
            let expected = format!("[N, …] of samples of shape {:?}", self.mean.size());
            return Err(Error::Shape { what: "samples for this oracle", expected, got: x.size() });
        }
        let ([[of_x, _], [of_v, _]], mean) = (self.process.transition(t), self.mean.to_device(x.device()));
        let start = Covariance::diagonal(self.variance, self.process.gamma * self.process.mass);
        let covariance = self.process.covariance_after(t, start);
        let (from_x, from_v): (Tensor, Tensor) = (x - of_x * &mean, v - of_v * mean);
        let score: Tensor = (covariance.xv * from_x - covariance.xx * from_v) / covariance.determinant();
        Ok(score.to_kind(x.kind()))
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// The score is the gradient of the log density, by automatic differentiation, and that of the noise in the velocity for a point.
    #[test]
    fn the_score_is_the_gradient_of_the_log_density() {
        let process = CriticallyDamped::default();
        let kind = (Kind::Double, Device::Cpu);
        for (variance, t) in [(0.25, 0.1), (0.25, 1.0), (2.0, 0.6), (0.0, 0.3)] {
            let oracle = DampedGaussianOracle::new(&process, &Tensor::from_slice(&[0.3]), variance).unwrap();
            let (x, v) = (Tensor::randn([5, 1], kind), Tensor::randn([5, 1], kind).set_requires_grad(true));
            let Covariance { xx, xv, vv } =
                process.covariance_after(t, Covariance::diagonal(variance, process.gamma * process.mass));
            let precision = Tensor::from_slice(&[xx, xv, xv, vv]).view([2, 2]).inverse();
            let [[of_x, _], [of_v, _]] = process.transition(t);
            let away = Tensor::cat(&[&x - of_x * 0.3, &v - of_v * 0.3], 1);
            let log_density: Tensor = (away.matmul(&precision) * &away).sum(Kind::Double) * -0.5;
            let expected = Tensor::run_backward(&[log_density], &[&v], false, false).remove(0);
            let found = oracle.score(&x, &v.detach(), t).unwrap();
            assert!((found - expected).abs().max().double_value(&[]) < 1e-8, "t = {t}");
        }
        let oracle = DampedGaussianOracle::new(&process, &Tensor::from_slice(&[0.3]), 0.0).unwrap();
        let (x0, eps) = (Tensor::full([4, 1], 0.3, kind), Tensor::randn([2, 4, 1], kind));
        let (x, v) = process.perturbed(&x0, &[0.4; 4], &eps.get(0), &eps.get(1)).unwrap();
        let expected = -process.score_factor(0.4) * eps.get(1);
        assert!((oracle.score(&x, &v, 0.4).unwrap() - expected).abs().max().double_value(&[]) < 1e-8);
        assert!(oracle.score(&x, &v, 0.0).is_err() && process.perturbed(&x0, &[0.4], &x, &v).is_err());
    }
}
