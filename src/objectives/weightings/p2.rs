//! `P2`: less weight at low noise.

use serde::{Deserialize, Serialize};

use super::{Weighting, snr};
use crate::error::{Result, require};
use crate::process::Process;

/// `w = 1 / ( k + SNR )^gamma`: less weight for details that nobody sees, more for the noise levels at which shapes form. `gamma = 0` is
/// `L_simple`.
///
/// Choi et al. 2022, whose `lambda_t` of `L_simple` is 1 here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct P2 {
    /// `k`, above 0, bounds the weights at high noise.
    pub k: f64,
    /// `gamma`, at least 0, the power with which the weights fall.
    pub gamma: f64,
}

impl Default for P2 {
    fn default() -> Self {
        Self { k: 1.0, gamma: 1.0 }
    }
}

impl Weighting for P2 {
    fn weight(&self, process: &dyn Process, t: f64) -> f64 {
        (self.k + snr(process, t)).powf(-self.gamma)
    }

    fn validate(&self) -> Result<()> {
        require(self.k > 0.0 && self.k.is_finite(), "P2.k", "above 0", self.k)?;
        require(self.gamma >= 0.0 && self.gamma.is_finite(), "P2.gamma", "at least 0", self.gamma)
    }
}
