//! `DpmSolverPp2m`: DPM-Solver++ (2M), a multistep solver that also uses the prediction of the step before.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::{Memory, finite_step, first_order, lambda, step_with_data};
use super::{Sampler, SamplerSettings, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;

/// Extrapolates the predicted data linearly in `lambda` to the middle of the step. One network call per step.
///
/// ```text
/// x_to = s(to) / s x + a(to) ( 1 - e^{-h} ) D,   D = x_0 + h / (2 h_before) ( x_0 - x_0 before )
/// ```
/// Lu et al. 2022 (DPM-Solver++), algorithm 2. The first step, and the last step to `t = 0`, are of first order: `D = x_0`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DpmSolverPp2m {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

impl SamplerSettings for DpmSolverPp2m {
    fn sampler(&self) -> Box<dyn Sampler> {
        Box::new(Solver { settings: self.clone(), memory: Memory::default() })
    }
}

/// The solver with its memory.
#[derive(Debug)]
struct Solver {
    settings: DpmSolverPp2m,
    memory: Memory,
}

impl Sampler for Solver {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.memory.clear();
        self.settings.layout.times(process, self.settings.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        self.memory.add(lambda(process, from), known.x0.shallow_clone(), 2);
        let x = match finite_step(process, from, to) {
            Some(h) => step_with_data(process, x, from, to, &self.memory.at_middle(h)),
            None => first_order(process, &known, to),
        };
        Ok(Step { x, predicted_x0: known.x0 })
    }
}
