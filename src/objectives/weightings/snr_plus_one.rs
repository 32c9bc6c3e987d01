//! `SnrPlusOne`: all errors of `v` count equally.

use serde::{Deserialize, Serialize};

use super::{Weighting, snr};
use crate::process::Process;

/// `w = ( SNR + 1 ) / SNR`, equivalent to the unweighted error of `v` if `a^2 + s^2 = 1`.
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
