//! `MinSnr`: steps with hardly any noise do not outweigh the others.

use serde::{Deserialize, Serialize};

use super::{Weighting, snr};
use crate::process::Process;

/// `w = min( SNR, gamma ) / SNR`, which is `min( SNR, gamma )` of the error of the data: as `L_simple` where the signal-to-noise ratio is below
/// `gamma`, less above. A very large `gamma` is `L_simple`.
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
}
