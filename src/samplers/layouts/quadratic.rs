//! `Quadratic`: steps that get shorter towards the data.

use serde::{Deserialize, Serialize};

use super::{StepLayout, share_of_the_way};
use crate::error::Result;
use crate::process::Process;

/// Times with equally spaced square roots: long steps through the noise, short ones where details form.
///
/// ```text
/// t_i = T ( i / K )^2
/// ```
/// Song, Meng & Ermon 2021, appendix D.2. If the process has steps, all times are different steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quadratic;

impl StepLayout for Quadratic {
    fn times(&self, process: &dyn Process, steps: usize) -> Result<Vec<f64>> {
        let time = |i: usize| {
            let t = share_of_the_way(process, (i as f64 / steps as f64).powi(2));
            if process.steps().is_some() { t.max(i as f64) } else { t }
        };
        Ok((0..=steps).rev().map(time).collect())
    }
}
