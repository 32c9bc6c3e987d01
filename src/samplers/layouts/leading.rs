//! `Leading`: equal steps that end at the first step of the process.

use serde::{Deserialize, Serialize};

use super::StepLayout;
use crate::error::{Error, Result};
use crate::process::Process;

/// Steps of about the same length down to step 1, and a last one from there to 0: for `T = 1000` and 10 steps
/// `901, 801, …, 1, 0`. It starts from pure noise although some signal is left at its first time: Lin et al. 2024 show
/// how that affects the brightness of images.
///
/// "Leading" in Lin et al. 2024, table 2; "linear" in Song, Meng & Ermon 2021, appendix D.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leading;

impl StepLayout for Leading {
    fn times(&self, process: &dyn Process, steps: usize) -> Result<Vec<f64>> {
        let Some(all) = process.steps() else {
            let problem = "the layout \"leading\" needs a process with steps, and this one has none: use \"trailing\"";
            return Err(Error::Unsupported(problem.to_owned()));
        };
        Ok((0..steps).rev().map(|i| (1 + i * all / steps) as f64).chain([0.0]).collect())
    }
}
