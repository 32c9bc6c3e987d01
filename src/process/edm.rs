//! `EdmNoise`: the process of Karras et al., with the noise level as its time.

use serde::{Deserialize, Serialize};

use super::{Process, ProcessSettings};
use crate::error::{Result, require};

/// Adds noise to the data; the time is the standard deviation of the noise: `t` from 0 to `sigma_max`.
///
/// ```text
/// x_t = x_0 + t eps
/// ```
/// Karras et al. 2022, section 3 and table 1: `s(t) = 1`, `sigma(t) = t`. Sampling starts from noise of standard deviation `sigma_max`, not from
/// standard noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdmNoise {
    /// The noise level from which samplers take their last step, to 0; above 0.
    pub sigma_min: f64,
    /// The noise level that sampling starts from, above `sigma_min`, and many times the standard deviation of the data.
    pub sigma_max: f64,
}

impl Default for EdmNoise {
    fn default() -> Self {
        Self { sigma_min: 0.002, sigma_max: 80.0 }
    }
}

impl Process for EdmNoise {
    fn signal(&self, _t: f64) -> f64 {
        1.0
    }

    fn noise(&self, t: f64) -> f64 {
        t
    }

    fn end(&self) -> f64 {
        self.sigma_max
    }

    fn steps(&self) -> Option<usize> {
        None
    }

    fn noise_at_end(&self) -> f64 {
        self.sigma_max
    }

    fn first_time(&self) -> f64 {
        self.sigma_min
    }

    /// Networks distinguish noise levels by their logarithm: `c_noise` of table 1, times 1000.
    fn network_time(&self, t: f64) -> f64 {
        1000.0 * t.ln() / 4.0
    }

    fn drift(&self, _t: f64) -> f64 {
        0.0
    }

    /// `sqrt( 2 t )`, since `s^2 = t^2`.
    fn diffusion(&self, t: f64) -> f64 {
        (2.0 * t).sqrt()
    }

    fn signal_slope(&self, _t: f64) -> f64 {
        0.0
    }

    fn noise_slope(&self, _t: f64) -> f64 {
        1.0
    }

    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        (-log_snr / 2.0).exp().min(self.sigma_max)
    }
}

impl ProcessSettings for EdmNoise {
    fn process(&self) -> Result<Box<dyn Process>> {
        require(self.sigma_min > 0.0 && self.sigma_min.is_finite(), "EdmNoise.sigma_min", "above 0", self.sigma_min)?;
        let possible = self.sigma_max > self.sigma_min && self.sigma_max.is_finite();
        require(possible, "EdmNoise.sigma_max", "above sigma_min", self.sigma_max)?;
        Ok(Box::new(self.clone()))
    }
}
