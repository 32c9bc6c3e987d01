//! `UniformWeight`: every error of the data counts as much.

use serde::{Deserialize, Serialize};

use super::{Weighting, snr};
use crate::process::Process;

/// `w = 1 / SNR`, which is 1 of the error of the data: what is seen where there is little noise hardly counts.
///
/// Salimans & Ho 2022, section 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniformWeight;

impl Weighting for UniformWeight {
    fn weight(&self, process: &dyn Process, t: f64) -> f64 {
        1.0 / snr(process, t)
    }
}
