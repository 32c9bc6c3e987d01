//! `TruncatedSnr`: the error of the noise or of the data, whichever is larger.

use serde::{Deserialize, Serialize};

use super::{Weighting, snr};
use crate::process::Process;

/// `w = max( SNR, 1 ) / SNR`: `L_simple` if there is more signal than noise, otherwise the unweighted error of the data.
///
/// Salimans & Ho 2022, section 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TruncatedSnr;

impl Weighting for TruncatedSnr {
    fn weight(&self, process: &dyn Process, t: f64) -> f64 {
        (1.0 / snr(process, t)).max(1.0)
    }
}
