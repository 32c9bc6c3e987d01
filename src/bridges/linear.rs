//! `LinearInterpolant`: a straight line.

use serde::{Deserialize, Serialize};

use super::{Interpolant, Mix};
use crate::error::{Result, require};

/// The straight line between two samples, with noise around it if `noise` is above 0.
///
/// ```text
/// alpha = 1 - t,   beta = t,   gamma^2 = noise t ( 1 - t )
/// ```
/// Albergo, Boffi & Vanden-Eijnden 2023, section 4.1 (`noise` is their `a`). Without noise it is flow matching, and with it
/// [`BrownianBridge`](super::BrownianBridge) of the scale `noise / 2`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearInterpolant {
    /// `a`, at least 0.
    pub noise: f64,
}

impl Interpolant for LinearInterpolant {
    fn mix(&self, t: f64) -> Mix {
        Mix {
            alpha: 1.0 - t,
            beta: t,
            gamma: (self.noise * t * (1.0 - t)).max(0.0).sqrt(),
            alpha_slope: -1.0,
            beta_slope: 1.0,
            gamma_slope_product: self.noise * (0.5 - t),
        }
    }

    fn validate(&self) -> Result<()> {
        let is_valid = self.noise >= 0.0 && self.noise.is_finite();
        require(is_valid, "LinearInterpolant.noise", "at least 0", self.noise)
    }
}
