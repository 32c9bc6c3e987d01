//! `DpmSolver2`: DPM-Solver of second order, which also looks at the middle of each step.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::{finite_step, first_order, lambda, step_with_noise, time_of};
use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;

/// Predicts the noise a second time in the middle of each step (in `lambda`), and takes the whole step with that noise. Two network
/// calls per step, one in the last.
///
/// ```text
/// u    = a(m) / a x - s(m) ( e^{h/2} - 1 ) eps(x, t),   lambda(m) = lambda(t) + h / 2
/// x_to = a(to) / a x - s(to) ( e^h - 1 ) eps(u, m)
/// ```
/// Lu et al. 2022 (DPM-Solver), algorithm 1 with `r_1 = 1/2`. The last step, to `t = 0`, is of first order, as is a step
/// from almost pure noise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DpmSolver2 {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

impl Sampler for DpmSolver2 {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.layout.times(process, self.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        let Some(h) = finite_step(process, from, to) else {
            return Ok(Step { x: first_order(process, &known, to), predicted_x0: known.x0 });
        };
        let middle = time_of(process, lambda(process, from) + h / 2.0);
        let u = step_with_noise(process, x, from, middle, &known.eps);
        let eps = denoiser.denoise(&u, middle)?.eps;
        Ok(Step { x: step_with_noise(process, x, from, to, &eps), predicted_x0: known.x0 })
    }
}
