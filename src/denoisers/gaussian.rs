//! `GaussianOracle`: the exact denoiser of Gaussian data, in closed form.

use tch::{Kind, Tensor};

use super::oracle::{flat, require_scalar, shaped_like};
use super::{Denoised, Denoiser};
use crate::error::{Error, Result};
use crate::process::{Level, Process};

/// The exact denoiser of Gaussian data, `N(m, Sigma)`, without a network.
///
/// ```text
/// E[x_0 | x_t] = m + sum over directions u of variance v:  a v / ( a^2 v + s^2 )  u u^T ( x_t - a m )
/// ```
/// The posterior mean of a Gaussian, along each eigenvector of `Sigma`; Bishop 2006, equation 2.116.
pub struct GaussianOracle<'a> {
    process: &'a dyn Process,
    /// `[D]`, f64.
    mean: Tensor,
    /// The directions whose variance differs from `rest`, as columns: `[D, K]`, f64.
    directions: Tensor,
    /// Their variances, `[K]`, f64.
    variances: Tensor,
    /// The variance in all other directions.
    rest: f64,
}

impl<'a> GaussianOracle<'a> {
    /// For data with this mean, and the same variance in every direction.
    ///
    /// # Shapes
    /// `mean`: the shape of one sample.
    pub fn isotropic(process: &'a dyn Process, mean: &Tensor, variance: f64) -> Self {
        let mean = mean.to_kind(Kind::Double).flatten(0, -1);
        let of_mean = (Kind::Double, mean.device());
        let directions = Tensor::zeros([mean.size()[0], 0], of_mean);
        Self { process, directions, variances: Tensor::zeros([0], of_mean), rest: variance, mean }
    }

    /// For a Gaussian fitted to these samples: with their mean, their first `components` principal components, and in
    /// all other directions the mean of the remaining variances.
    ///
    /// # Shapes
    /// `samples`: `[N, …]`, at least two of them.
    ///
    /// # Errors
    /// [`Error::Shape`] for fewer samples; [`Error::Config`] for no components, or more than there are samples or
    /// dimensions.
    pub fn fitted(process: &'a dyn Process, samples: &Tensor, components: i64) -> Result<Self> {
        let x = flat(samples);
        let (n, d) = x.size2()?;
        if n < 2 {
            let expected = "[N, …], at least two samples".to_owned();
            return Err(Error::Shape { what: "samples to fit", expected, got: samples.size() });
        }
        let most = d.min(n - 1);
        if !(1..=most).contains(&components) {
            return Err(Error::config("components", format!("1 to {most}"), components));
        }
        let mean = x.mean_dim(0, false, Kind::Double);
        let (_, singular, v) = ((&x - &mean) / ((n - 1) as f64).sqrt()).f_svd(true, true)?;
        let all = singular.square();
        let variances = all.narrow(0, 0, components);
        let left: f64 = (all.sum(Kind::Double) - variances.sum(Kind::Double)).double_value(&[]);
        let rest = left.max(0.0) / (d - components).max(1) as f64;
        let directions = v.narrow(1, 0, components);
        Ok(Self { process, mean, directions, variances: variances.copy(), rest })
    }
}

impl Denoiser for GaussianOracle<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        require_scalar(self.process)?;
        let level = Level::at(self.process, t, x_t)?;
        let (a, s) = (self.process.signal(t), self.process.noise(t));
        let x = flat(x_t);
        if x.size()[1..] != self.mean.size() {
            let expected = format!("[N, …] of {} numbers each", self.mean.size()[0]);
            return Err(Error::Shape { what: "samples for this oracle", expected, got: x_t.size() });
        }
        let centred: Tensor = x - a * &self.mean;
        let along = centred.matmul(&self.directions);
        let share_of_rest = a * self.rest / (a * a * self.rest + s * s);
        let shares: Tensor = a * &self.variances / (a * a * &self.variances + s * s) - share_of_rest;
        let x0 = &self.mean + share_of_rest * centred + (along * shares).matmul(&self.directions.tr());
        Ok(Denoised::from_x0(shaped_like(&x0, x_t), x_t, &level))
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::process::ConstantsManager;

    const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

    #[test]
    fn the_noise_in_isotropic_data_is_that_of_the_closed_form() {
        let constants = ConstantsManager::from_betas(&[0.1, 0.3, 0.5], 1, Device::Cpu).unwrap();
        let (mean, variance) = (Tensor::from_slice(&[0.3, -0.2]), 0.25);
        let oracle = GaussianOracle::isotropic(&constants, &mean, variance);
        let x = Tensor::randn([5, 2], DOUBLE);
        for t in [1.0, 2.0, 2.5, 3.0] {
            let (a, s) = (constants.signal(t), constants.noise(t));
            let expected: Tensor = s * (&x - a * &mean) / (a * a * variance + s * s);
            let found = oracle.denoise(&x, t).unwrap();
            assert!((found.eps - &expected).abs().max().double_value(&[]) < 1e-12, "t = {t}");
            assert!(((&x - s * expected) / a - found.x0).abs().max().double_value(&[]) < 1e-12, "t = {t}");
        }
        let single = oracle.denoise(&x.to_kind(Kind::Float), 2.0).unwrap();
        assert_eq!((single.x0.kind(), single.eps.kind()), (Kind::Float, Kind::Float));
        assert!(oracle.denoise(&Tensor::zeros([2, 3], DOUBLE), 1.0).is_err());
    }

    /// With all directions fitted, the posterior mean is that of the whole covariance matrix.
    #[test]
    fn a_fitted_oracle_knows_the_covariance() {
        tch::manual_seed(2);
        let constants = ConstantsManager::from_betas(&[0.1, 0.3, 0.5], 3, Device::Cpu).unwrap();
        let mixing = Tensor::randn([4, 4], DOUBLE);
        let samples = (Tensor::randn([500, 4], DOUBLE).matmul(&mixing) + 0.7).view([500, 1, 2, 2]);
        let x = Tensor::randn([6, 1, 2, 2], DOUBLE);
        let whole = GaussianOracle::fitted(&constants, &samples, 4).unwrap();
        let (a, s) = (constants.signal(2.0), constants.noise(2.0));
        let data = samples.view([500, 4]);
        let mean = data.mean_dim(0, false, Kind::Double);
        let centred = &data - &mean;
        let covariance: Tensor = centred.tr().matmul(&centred) / 499.0;
        let noisy: Tensor = a * a * &covariance + s * s * Tensor::eye(4, DOUBLE);
        let expected = &mean + a * (x.view([6, 4]) - a * &mean).matmul(&noisy.inverse()).matmul(&covariance);
        let found = whole.denoise(&x, 2.0).unwrap();
        assert!((found.x0.view([6, 4]) - expected).abs().max().double_value(&[]) < 1e-9);
        assert!(GaussianOracle::fitted(&constants, &samples, 5).is_err());
    }
}
