//! `Flow`: the straight line from data to noise.

use serde::{Deserialize, Serialize};

use super::{Process, ProcessSettings};
use crate::error::Result;

/// Every sample moves in a straight line to its noise; `t` runs from 0 to 1, where no signal is left.
///
/// ```text
/// x_t = ( 1 - t ) x_0 + t eps
/// ```
/// Liu et al. 2023, section 2.1; Lipman et al. 2023, equation 22 with `sigma_min = 0`, whose time runs the other way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow;

impl Process for Flow {
    fn signal(&self, t: f64) -> f64 {
        1.0 - t
    }

    fn noise(&self, t: f64) -> f64 {
        t
    }

    fn end(&self) -> f64 {
        1.0
    }

    fn steps(&self) -> Option<usize> {
        None
    }

    fn drift(&self, t: f64) -> f64 {
        -1.0 / (1.0 - t)
    }

    /// `sqrt( 2 t / ( 1 - t ) )`, which follows from `f`, `a` and `s`.
    fn diffusion(&self, t: f64) -> f64 {
        (2.0 * t / (1.0 - t)).sqrt()
    }

    fn signal_slope(&self, _t: f64) -> f64 {
        -1.0
    }

    fn noise_slope(&self, _t: f64) -> f64 {
        1.0
    }

    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        1.0 / (1.0 + (log_snr / 2.0).exp())
    }
}

impl ProcessSettings for Flow {
    fn process(&self) -> Result<Box<dyn Process>> {
        Ok(Box::new(self.clone()))
    }
}
