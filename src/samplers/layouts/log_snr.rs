//! `LogSnr`: equal steps in the logarithm of the signal-to-noise ratio.

use serde::{Deserialize, Serialize};

use super::{StepLayout, log_snr_at_end};
use crate::error::Result;
use crate::process::Process;

/// Times with equally spaced logarithms of the signal-to-noise ratio, from the end of the process to its
/// [first time](Process::first_time), and a last step from there to 0. Lu et al. 2022 (DPM-Solver), section 3.3: with
/// this spacing, the error of a solver is about the same at every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSnr;

impl StepLayout for LogSnr {
    fn times(&self, process: &dyn Process, steps: usize) -> Result<Vec<f64>> {
        let (last, first) = (log_snr_at_end(process, "log-snr")?, process.log_snr(process.first_time()));
        let time = |i: usize| match i {
            0 => process.end(),
            _ => process.time_of_log_snr(last + (first - last) * i as f64 / (steps - 1) as f64),
        };
        Ok((0..steps).map(time).chain([0.0]).collect())
    }
}
