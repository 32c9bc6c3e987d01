//! `BrownianBridge`: Brownian motion with given ends.

use serde::{Deserialize, Serialize};

use super::{Interpolant, Mix};
use crate::error::{Result, require};

/// Brownian motion of variance `2 scale` per unit of time, between two given ends.
///
/// ```text
/// x_t = ( 1 - t ) x_0 + t x_1 + sqrt( delta(t) ) z,   delta(t) = 2 scale ( t - t^2 )
/// ```
/// Li et al. 2023 (BBDM), equations 3 and 4, with `m_t = t`, `y = x_1` and their `s = scale`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrownianBridge {
    /// `s`, above 0.
    pub scale: f64,
}

impl Default for BrownianBridge {
    fn default() -> Self {
        Self { scale: 1.0 }
    }
}

impl BrownianBridge {
    /// `delta(t)`, the variance around the line.
    pub fn variance(&self, t: f64) -> f64 {
        (2.0 * self.scale * t * (1.0 - t)).max(0.0)
    }

    /// The step of the bridge to `x_1` from the time `from` to a later one: `x_to = a x_from + b x_1 + sqrt(v) z`, as `[a, b, v]`. From `x_0` on,
    /// such steps lead to [`mix`](Interpolant::mix) at each time, whatever steps are taken. BBDM, equation 7.
    pub fn transition(&self, from: f64, to: f64) -> [f64; 3] {
        let kept = (1.0 - to) / (1.0 - from);
        [kept, to - from * kept, (self.variance(to) - self.variance(from) * kept * kept).max(0.0)]
    }
}

impl Interpolant for BrownianBridge {
    fn mix(&self, t: f64) -> Mix {
        Mix {
            alpha: 1.0 - t,
            beta: t,
            gamma: self.variance(t).sqrt(),
            alpha_slope: -1.0,
            beta_slope: 1.0,
            gamma_slope_product: self.scale * (1.0 - 2.0 * t),
        }
    }

    fn validate(&self) -> Result<()> {
        let is_valid = self.scale > 0.0 && self.scale.is_finite();
        require(is_valid, "BrownianBridge.scale", "above 0", self.scale)
    }
}
