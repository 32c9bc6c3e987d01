//! `Gamma`: skewed noise.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::{Noise, standard_gamma};
use crate::error::{Error, Result, require};
use crate::process::{Process, check_time};

/// Each number comes from a Gamma distribution, shifted to mean 0 and scaled to variance 1.
///
/// ```text
/// step t adds   g_t - k_t theta_t,   g_t ~ Gamma(k_t, theta_t),   theta_t = sqrt(alpha_bar_t) theta_0,   k_t = beta_t / ( alpha_bar_t theta_0^2 )
/// all steps:    eps = ( g - k theta_t ) / s(t),   g ~ Gamma(k, theta_t),   k = k_1 + … + k_t = ( 1 - alpha_bar_t ) / ( alpha_bar_t theta_0^2 )
/// ```
/// Nachmani, San-Roman & Wolf 2021, section 4.2. In terms of signal and noise, `k = s(t)^2 / ( a(t) theta_0 )^2`, which defines it for any process.
/// The skewness is `2 / sqrt(k) = 2 theta_0 a(t) / s(t)`: with the paper's `theta_0 = 0.001` it is noticeable only at the first steps. With
/// a larger `theta_0`, all of the noise is skewed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gamma {
    /// `theta_0`, above 0.
    pub theta_0: f64,
}

impl Default for Gamma {
    fn default() -> Self {
        Self { theta_0: 0.001 }
    }
}

/// From this shape on, f64 does not distinguish the distribution from a Gaussian.
const GAUSSIAN_FROM: f64 = 1e16;

impl Gamma {
    /// `k`, the shape of the distribution at time `t`.
    pub fn shape(&self, process: &dyn Process, t: f64) -> f64 {
        (process.noise(t) / (process.signal(t) * self.theta_0)).powi(2)
    }
}

impl Noise for Gamma {
    fn draw(&self, process: &dyn Process, t: &Tensor, like: &Tensor) -> Result<Tensor> {
        let times: Vec<f64> = Vec::try_from(t.to_device(Device::Cpu).to_kind(Kind::Double).reshape([-1]))?;
        let n = like.size().first().copied().unwrap_or(0);
        if times.len() != 1 && times.len() as i64 != n {
            let expected = format!("[{n}], one per sample, or a single time");
            return Err(Error::Shape { what: "times of the noise", expected, got: t.size() });
        }
        times.iter().try_for_each(|t| check_time(process, *t))?;
        let shapes: Vec<f64> = times.iter().map(|t| self.shape(process, *t).min(GAUSSIAN_FROM)).collect();
        let mut for_each = vec![1; like.dim()];
        for_each[0] = -1;
        let k = Tensor::from_slice(&shapes).view(&for_each[..]).to_device(like.device());
        let drawn = standard_gamma(&k, like)?;
        Ok(((drawn - &k) / k.sqrt()).to_kind(like.kind()))
    }

    fn validate(&self) -> Result<()> {
        let is_valid = self.theta_0 > 0.0 && self.theta_0.is_finite();
        require(is_valid, "Gamma.theta_0", "above 0", self.theta_0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{ConstantsManager, CosineSchedule, LinearSchedule, Schedule};

    fn constants(betas: &[f64]) -> ConstantsManager {
        ConstantsManager::from_betas(betas, 1, Device::Cpu).unwrap()
    }

    /// Nachmani et al. 2021, lemma 1 and theorem 1, for the schedules of 1000 steps.
    #[test]
    fn the_steps_add_up_and_the_skewness_is_that_of_the_closed_form() {
        let gamma = Gamma::default();
        for (betas, skewnesses) in [
            (LinearSchedule.betas(1000).unwrap(), [0.20, 0.046, 0.0059]),
            (CosineSchedule.betas(1000).unwrap(), [0.31, 0.080, 0.012]),
        ] {
            let process = constants(&betas);
            let mut sum = 0.0;
            for t in 1..=999 {
                let alpha_bar = process.alpha_cumulative(t);
                sum += betas[t - 1] / (alpha_bar * gamma.theta_0.powi(2));
                let k = gamma.shape(&process, t as f64);
                assert!((sum / k - 1.0).abs() < 1e-9, "t = {t}: {sum}, not {k}");
                let theta = alpha_bar.sqrt() * gamma.theta_0;
                assert!((k * theta.powi(2) / (1.0 - alpha_bar) - 1.0).abs() < 1e-12, "the variance at t = {t}");
            }
            for (t, expected) in [1.0, 10.0, 100.0].into_iter().zip(skewnesses) {
                let skewness = 2.0 / gamma.shape(&process, t).sqrt();
                assert!((skewness / expected - 1.0).abs() < 0.03, "t = {t}: {skewness}, not {expected}");
            }
        }
    }
}
