//! `GaussianEnds`: the exact field between two Gaussians.

use tch::Tensor;

use super::field::has_noise;
use super::{Interpolant, InterpolantField, Means};
use crate::error::{Error, Result, require};

/// The exact means between `x_0 ~ N(m_0, s_0^2)` and `x_1 ~ N(m_1, s_1^2)`, the same in each coordinate, with the covariance `c` between the two.
///
/// ```text
/// M = alpha m_0 + beta m_1,   V = alpha^2 s_0^2 + beta^2 s_1^2 + 2 alpha beta c + gamma^2
/// E[ x_0 | x ] = m_0 + ( alpha s_0^2 + beta c ) ( x - M ) / V,   E[ z | x ] = gamma ( x - M ) / V
/// ```
/// The conditional mean of a Gaussian; Bishop 2006, equation 2.81.
#[derive(Debug)]
pub struct GaussianEnds<'a> {
    interpolant: &'a dyn Interpolant,
    means: [f64; 2],
    deviations: [f64; 2],
    covariance: f64,
}

impl<'a> GaussianEnds<'a> {
    /// Ends with these means, standard deviations and covariance: 0 for independent ends, `s_0 s_1` for those of the optimal transport.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a standard deviation that is negative or not finite, or a covariance above `s_0 s_1`.
    pub fn new(
        interpolant: &'a dyn Interpolant,
        means: [f64; 2],
        deviations: [f64; 2],
        covariance: f64,
    ) -> Result<Self> {
        for deviation in deviations {
            let is_valid = deviation >= 0.0 && deviation.is_finite();
            require(is_valid, "deviations of the ends", "at least 0", deviation)?;
        }
        let most = deviations[0] * deviations[1];
        if covariance.is_nan() || covariance.abs() > most * (1.0 + 1e-12) {
            return Err(Error::config("covariance of the ends", format!("between -{most} and {most}"), covariance));
        }
        Ok(Self { interpolant, means, deviations, covariance })
    }

    /// Mean and variance of `x_t`.
    pub fn moments(&self, t: f64) -> [f64; 2] {
        let mix = self.interpolant.mix(t);
        let ([m0, m1], [v0, v1]) = (self.means, self.deviations.map(|s| s * s));
        let variance = mix.alpha.powi(2) * v0 + mix.beta.powi(2) * v1 + 2.0 * mix.alpha * mix.beta * self.covariance;
        [mix.alpha * m0 + mix.beta * m1, variance + mix.gamma.powi(2)]
    }
}

impl InterpolantField for GaussianEnds<'_> {
    fn means(&self, x: &Tensor, t: f64) -> Result<Means> {
        let mix = self.interpolant.mix(t);
        let [mean, variance] = self.moments(t);
        let ([m0, m1], [v0, v1]) = (self.means, self.deviations.map(|s| s * s));
        let rest: Tensor = (x - mean) / variance;
        let x0: Tensor = m0 + (mix.alpha * v0 + mix.beta * self.covariance) * &rest;
        let x1: Tensor = m1 + (mix.beta * v1 + mix.alpha * self.covariance) * &rest;
        let z = has_noise(self.interpolant).then(|| mix.gamma * rest);
        Ok(Means { velocity: mix.alpha_slope * x0 + mix.beta_slope * x1, z })
    }
}
