//! `MinSnr`: low noise does not outweigh the rest.

use serde::{Deserialize, Serialize};

use super::{Weighting, snr};
use crate::error::{Result, require};
use crate::process::Process;

/// `w = min( SNR, gamma ) / SNR`, equivalent to weighting the error of the data by `min( SNR, gamma )`: `L_simple` up to a
/// signal-to-noise ratio of `gamma`, less above. With a very large `gamma` it is `L_simple`.
///
/// Hang et al. 2023, section 3.4.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MinSnr {
    /// `gamma`, above 0.
    pub gamma: f64,
}

impl Default for MinSnr {
    fn default() -> Self {
        Self { gamma: 5.0 }
    }
}

impl Weighting for MinSnr {
    fn weight(&self, process: &dyn Process, t: f64) -> f64 {
        (self.gamma / snr(process, t)).min(1.0)
    }

    fn validate(&self) -> Result<()> {
        require(self.gamma > 0.0, "MinSnr.gamma", "above 0", self.gamma)
    }
}
