//! `DpmSolverPp2s`: DPM-Solver++ (2S), a singlestep solver that predicts the data twice in each step.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::{finite_step, first_order, lambda, step_with_data, time_of};
use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;

/// As [`DpmSolver2`](super::DpmSolver2), with the predicted data instead of the noise, which large steps and guidance need. Two
/// network calls per step, one in the last.
///
/// ```text
/// u    = s(m) / s x + a(m) ( 1 - e^{-h/2} ) x_0(x, t),   lambda(m) = lambda(t) + h / 2
/// x_to = s(to) / s x + a(to) ( 1 - e^{-h} ) x_0(u, m)
/// ```
/// Lu et al. 2022 (DPM-Solver++), algorithm 1 with `r = 1/2`. The last step, to `t = 0`, is of first order, as is a step
/// from almost pure noise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DpmSolverPp2s {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

impl Sampler for DpmSolverPp2s {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.layout.times(process, self.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        let Some(h) = finite_step(process, from, to) else {
            return Ok(Step { x: first_order(process, &known, to), predicted_x0: known.x0 });
        };
        let middle = time_of(process, lambda(process, from) + h / 2.0);
        let u = step_with_data(process, x, from, middle, &known.x0);
        let data = denoiser.denoise(&u, middle)?.x0;
        Ok(Step { x: step_with_data(process, x, from, to, &data), predicted_x0: known.x0 })
    }
}
