//! `UniformWeight`: all errors of the data count equally.

use serde::{Deserialize, Serialize};

use super::{Weighting, snr};
use crate::process::Process;

/// `w = 1 / SNR`, equivalent to the unweighted error of the data: errors at low noise hardly count.
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
