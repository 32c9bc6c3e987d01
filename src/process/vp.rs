//! `Vp`: the variance-preserving process in continuous time.

use serde::{Deserialize, Serialize};

use super::{Process, ProcessSettings};
use crate::error::{Result, require};

/// The limit of Ho et al.'s process for small steps: `a^2 + s^2 = 1` at all times; `t` runs from 0 to 1.
///
/// ```text
/// dx = - beta(t) / 2 x dt + sqrt(beta(t)) dw,   beta(t) = beta_min + t ( beta_max - beta_min )
/// a(t) = exp( - B(t) / 2 ),   s(t) = sqrt( 1 - exp( - B(t) ) ),   B(t) = t beta_min + t^2 / 2 ( beta_max - beta_min )
/// ```
/// Song et al. 2021, equations 11 and 29, appendix C.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vp {
    /// `beta(0)`, above 0.
    pub beta_min: f64,
    /// `beta(1)`, at least `beta_min`.
    pub beta_max: f64,
}

impl Default for Vp {
    fn default() -> Self {
        Self { beta_min: 0.1, beta_max: 20.0 }
    }
}

impl Vp {
    /// `B(t)`, the integral of `beta` from 0 to `t`.
    pub fn integrated_beta(&self, t: f64) -> f64 {
        t * self.beta_min + t * t / 2.0 * (self.beta_max - self.beta_min)
    }

    /// `beta(t)`
    pub(super) fn beta(&self, t: f64) -> f64 {
        self.beta_min + t * (self.beta_max - self.beta_min)
    }

    /// Rejects invalid rates.
    pub(super) fn validate(&self) -> Result<()> {
        require(self.beta_min > 0.0 && self.beta_min.is_finite(), "beta_min", "above 0", self.beta_min)?;
        let possible = self.beta_max >= self.beta_min && self.beta_max.is_finite();
        require(possible, "beta_max", "beta_min or more", self.beta_max)
    }
}

impl Process for Vp {
    fn signal(&self, t: f64) -> f64 {
        (-self.integrated_beta(t) / 2.0).exp()
    }

    fn noise(&self, t: f64) -> f64 {
        (-(-self.integrated_beta(t)).exp_m1()).sqrt()
    }

    fn end(&self) -> f64 {
        1.0
    }

    fn steps(&self) -> Option<usize> {
        None
    }

    fn drift(&self, t: f64) -> f64 {
        -self.beta(t) / 2.0
    }

    fn diffusion(&self, t: f64) -> f64 {
        self.beta(t).sqrt()
    }

    fn signal_slope(&self, t: f64) -> f64 {
        -self.beta(t) / 2.0 * self.signal(t)
    }

    /// From `s^2 = 1 - exp( - B(t) )`: `2 s s' = beta(t) exp( - B(t) )`
    fn noise_slope(&self, t: f64) -> f64 {
        self.beta(t) * (-self.integrated_beta(t)).exp() / (2.0 * self.noise(t))
    }

    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        // B(t) = ln( 1 + 1 / SNR ), solved for t in a form that loses no digits.
        let integrated = (-log_snr).exp().ln_1p();
        let growth = 2.0 * (self.beta_max - self.beta_min);
        let t = 2.0 * integrated / (self.beta_min + (self.beta_min.powi(2) + growth * integrated).sqrt());
        t.min(1.0)
    }
}

impl ProcessSettings for Vp {
    fn process(&self) -> Result<Box<dyn Process>> {
        self.validate()?;
        Ok(Box::new(self.clone()))
    }
}
