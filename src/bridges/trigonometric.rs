//! `TrigonometricInterpolant`: a quarter of a circle.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use super::{Interpolant, Mix};
use crate::error::{Result, require};

/// A quarter of a circle between two samples, with noise around it if `noise` is above 0. For independent ends of variance 1, the variance stays 1.
///
/// ```text
/// alpha = cos( pi t / 2 ),   beta = sin( pi t / 2 ),   gamma^2 = noise t ( 1 - t )
/// ```
/// Albergo, Boffi & Vanden-Eijnden 2023, section 4.1. If `x_1` is noise, it is the diffusion with the cosine schedule.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrigonometricInterpolant {
    /// `a`, at least 0.
    pub noise: f64,
}

impl Interpolant for TrigonometricInterpolant {
    fn mix(&self, t: f64) -> Mix {
        let (sin, cos) = (FRAC_PI_2 * t).sin_cos();
        Mix {
            // Exactly 0 at the end.
            alpha: if t == 1.0 { 0.0 } else { cos },
            beta: sin,
            gamma: (self.noise * t * (1.0 - t)).max(0.0).sqrt(),
            alpha_slope: -FRAC_PI_2 * sin,
            beta_slope: FRAC_PI_2 * cos,
            gamma_slope_product: self.noise * (0.5 - t),
        }
    }

    fn validate(&self) -> Result<()> {
        let is_valid = self.noise >= 0.0 && self.noise.is_finite();
        require(is_valid, "TrigonometricInterpolant.noise", "at least 0", self.noise)
    }
}
