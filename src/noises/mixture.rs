//! `Mixture`: noise with two modes.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Noise, signs};
use crate::error::{Result, require};
use crate::process::Process;

/// Each number comes from one of two Gaussians, with equal probabilities.
///
/// ```text
/// eps = ± m + sigma z,   z ~ N(0, 1),   m^2 + sigma^2 = 1
/// ```
/// Nachmani, San-Roman & Wolf 2021, section 4.1, with two components. Its excess kurtosis is `-2 m^4`. Unlike Gaussian and Gamma noise, it does
/// not result from many steps that each add such noise: a sum of them is a mixture of more Gaussians.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mixture {
    /// `m`, the distance of the two means from 0, in `[0, 1)`; 0 is Gaussian noise.
    pub mean: f64,
}

impl Default for Mixture {
    fn default() -> Self {
        Self { mean: 0.7 }
    }
}

impl Noise for Mixture {
    fn draw(&self, _process: &dyn Process, _t: &Tensor, like: &Tensor) -> Result<Tensor> {
        let sigma = (1.0 - self.mean.powi(2)).sqrt();
        Ok(self.mean * signs(like)? + sigma * like.f_randn_like()?)
    }

    fn validate(&self) -> Result<()> {
        require((0.0..1.0).contains(&self.mean), "Mixture.mean", "in [0, 1)", self.mean)
    }
}
