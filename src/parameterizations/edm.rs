//! `Edm`: the preconditioning of Karras et al., which gives the network inputs and targets of unit variance at every noise level.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Denoised, Parameterization};
use crate::error::{Result, require};
use crate::process::Level;

/// Scales the input and the target of the network `F_theta` to unit variance at every noise level `sigma = s / a`, for data
/// with standard deviation `sigma_data`, and amplifies the errors of the network as little as possible.
///
/// ```text
/// D(x; sigma) = c_skip x + c_out F_theta( c_in x; c_noise ),   x = x_t / a
/// c_skip = sigma_data^2 / ( sigma^2 + sigma_data^2 ),   c_out = sigma sigma_data / sqrt( sigma^2 + sigma_data^2 )
/// c_in   = 1 / sqrt( sigma^2 + sigma_data^2 ),          c_noise = ln(sigma) / 4
/// ```
/// Karras et al. 2022, equation 7 and table 1. For `sigma_data = 1` and a process with `a^2 + s^2 = 1` the output is `-v` of [`V`](super::V). With `F_theta = 0` it
/// is the exact denoiser of `N(0, sigma_data^2)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edm {
    /// The standard deviation of the data, above 0.
    pub sigma_data: f64,
}

impl Default for Edm {
    fn default() -> Self {
        Self { sigma_data: 0.5 }
    }
}

/// The time embedding has frequencies for times up to 1000, whereas `c_noise` is about 1.
const TIME_SCALE: f64 = 1000.0;

/// Bounds `ln(sigma)`, which is infinite where a process has no signal.
const MOST: f64 = 10.0;

impl Parameterization for Edm {
    fn target(&self, x0: &Tensor, eps: &Tensor, level: &Level) -> Tensor {
        // ( x_0 - c_skip x ) / c_out, with a cancelled.
        let [data, variance] = [self.sigma_data, self.sigma_data.powi(2)];
        let of_data = level.factor(|a, s| s / data / (s * s + a * a * variance).sqrt());
        let of_noise = level.factor(|a, s| a * data / (s * s + a * a * variance).sqrt());
        of_data * x0 - of_noise * eps
    }

    fn read(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Denoised {
        let [data, variance] = [self.sigma_data, self.sigma_data.powi(2)];
        let skip = level.factor(|a, s| a * variance / (s * s + a * a * variance));
        let out = level.factor(|a, s| s * data / (s * s + a * a * variance).sqrt());
        // eps = ( x_t - a D ) / s, with s cancelled.
        let noise_skip = level.factor(|a, s| s / (s * s + a * a * variance));
        let noise_out = level.factor(|a, s| a * data / (s * s + a * a * variance).sqrt());
        Denoised { x0: skip * x_t + out * output, eps: noise_skip * x_t - noise_out * output, variance_share: None }
    }

    fn input(&self, x_t: &Tensor, level: &Level) -> Tensor {
        level.factor(|a, s| 1.0 / (s * s + a * a * self.sigma_data.powi(2)).sqrt()) * x_t
    }

    fn validate(&self) -> Result<()> {
        let possible = self.sigma_data > 0.0 && self.sigma_data.is_finite();
        require(possible, "Edm.sigma_data", "above 0", self.sigma_data)
    }

    fn time(&self, level: &Level) -> Tensor {
        level.number(|a, s| TIME_SCALE * (s / a).ln().clamp(-MOST, MOST) / 4.0)
    }
}
