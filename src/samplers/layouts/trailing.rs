//! `Trailing`: equal steps that start at the end of the process.

use serde::{Deserialize, Serialize};

use super::{StepLayout, share_of_the_way};
use crate::error::Result;
use crate::process::Process;

/// Steps of about the same length, from the end of the process to 0: for `T = 1000` and 10 steps
/// `1000, 900, …, 100, 0`.
///
/// "Trailing" in Lin et al. 2024, table 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trailing;

impl StepLayout for Trailing {
    fn times(&self, process: &dyn Process, steps: usize) -> Result<Vec<f64>> {
        Ok((0..=steps).rev().map(|i| share_of_the_way(process, i as f64 / steps as f64)).collect())
    }
}
