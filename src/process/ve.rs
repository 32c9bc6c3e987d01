//! `Ve`: the variance-exploding process, which keeps the signal and drowns it in noise.

use serde::{Deserialize, Serialize};

use super::{Process, ProcessSettings};
use crate::error::{Result, require};

/// Adds noise without reducing the signal: the limit of Song & Ermon's noise levels for small steps; `t` runs from 0 to
/// 1.
///
/// ```text
/// a(t) = 1,   s(t)^2 = sigma(t)^2 - sigma_min^2,   sigma(t) = sigma_min ( sigma_max / sigma_min )^t
/// ```
/// Song et al. 2021, equations 9 and 29, appendix C. Sampling starts from noise of standard deviation `s(1)`, not from
/// standard noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ve {
    /// `sigma(0)`, above 0.
    pub sigma_min: f64,
    /// `sigma(1)`, above `sigma_min`: about the largest distance between two samples of the data.
    pub sigma_max: f64,
}

impl Default for Ve {
    fn default() -> Self {
        Self { sigma_min: 0.01, sigma_max: 50.0 }
    }
}

impl Process for Ve {
    fn signal(&self, _t: f64) -> f64 {
        1.0
    }

    fn noise(&self, t: f64) -> f64 {
        let growth = 2.0 * t * (self.sigma_max / self.sigma_min).ln();
        self.sigma_min * growth.exp_m1().sqrt()
    }

    fn end(&self) -> f64 {
        1.0
    }

    fn steps(&self) -> Option<usize> {
        None
    }

    fn noise_at_end(&self) -> f64 {
        self.noise(1.0)
    }

    fn drift(&self, _t: f64) -> f64 {
        0.0
    }

    /// `sigma(t) sqrt( 2 ln( sigma_max / sigma_min ) )`: Song et al. 2021, appendix C.
    fn diffusion(&self, t: f64) -> f64 {
        let growth = (self.sigma_max / self.sigma_min).ln();
        self.sigma_min * (t * growth).exp() * (2.0 * growth).sqrt()
    }

    fn signal_slope(&self, _t: f64) -> f64 {
        0.0
    }

    /// From `s^2 = sigma(t)^2 - sigma_min^2`: `s s' = sigma(t)^2 ln( sigma_max / sigma_min )`
    fn noise_slope(&self, t: f64) -> f64 {
        self.diffusion(t).powi(2) / (2.0 * self.noise(t))
    }

    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        let growth = 2.0 * (self.sigma_max / self.sigma_min).ln();
        (((-log_snr).exp() / self.sigma_min.powi(2)).ln_1p() / growth).min(1.0)
    }
}

impl ProcessSettings for Ve {
    fn process(&self) -> Result<Box<dyn Process>> {
        require(self.sigma_min > 0.0 && self.sigma_min.is_finite(), "Ve.sigma_min", "above 0", self.sigma_min)?;
        let possible = self.sigma_max > self.sigma_min && self.sigma_max.is_finite();
        require(possible, "Ve.sigma_max", "above sigma_min", self.sigma_max)?;
        Ok(Box::new(self.clone()))
    }
}
