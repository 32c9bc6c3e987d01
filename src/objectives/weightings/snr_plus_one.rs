//! `SnrPlusOne`: every error of `v` counts as much.

use serde::{Deserialize, Serialize};

use super::{Weighting, snr};
use crate::process::Process;

/// `w = ( SNR + 1 ) / SNR`, which is 1 of the error of `v` where `a^2 + s^2 = 1`.
///
/// Salimans & Ho 2022, section 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnrPlusOne;

impl Weighting for SnrPlusOne {
    fn weight(&self, process: &dyn Process, t: f64) -> f64 {
        1.0 + 1.0 / snr(process, t)
    }
}
