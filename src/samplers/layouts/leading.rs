//! `Leading`: equal strides that end at the first step of the process.

use serde::{Deserialize, Serialize};

use super::StepLayout;
use crate::error::{Error, Result};
use crate::process::Process;

/// Strides of about the same length up from step 1, and a last one from there to 0: for `T = 1000` and 10 steps `901, 801, …, 1, 0`. It begins
/// before the end of the process, where some signal is left, from pure noise all the same: Lin et al. 2024 show what that does to
/// the brightness of images.
///
/// "Leading" in Lin et al. 2024, table 2; "linear" in Song, Meng & Ermon 2021, appendix D.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leading;

impl StepLayout for Leading {
    fn times(&self, process: &dyn Process, steps: usize) -> Result<Vec<f64>> {
        let Some(all) = process.steps() else {
            let problem = "the layout \"leading\" counts the steps of a process, and this one has none: use \"trailing\"";
            return Err(Error::Unsupported(problem.to_owned()));
        };
        Ok((0..steps).rev().map(|i| (1 + i * all / steps) as f64).chain([0.0]).collect())
    }
}
