//! `SimpleWeight`: all errors of the noise count equally.

use serde::{Deserialize, Serialize};

use super::{Weighting};
use crate::process::Process;

/// `w = 1`, as in `L_simple`; equivalent to weighting the error of the data by `SNR`.
///
/// Ho et al. 2020, equation 14.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimpleWeight;

impl Weighting for SimpleWeight {
    fn weight(&self, _process: &dyn Process, _t: f64) -> f64 {
        1.0
    }
}
