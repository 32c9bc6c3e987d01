//! `DpmSolverPp3m`: DPM-Solver++ (3M), a multistep solver that also uses the predictions of the two steps before.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::{Memory, finite_step, first_order, lambda, weights_of_nodes};
use super::{Sampler, SamplerSettings, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;

/// Integrates the parabola in `lambda` through the predicted data of the last three steps. One network call per step.
///
/// ```text
/// x_to = s(to) / s x + s(to) integral of e^lambda P(lambda) d lambda,   P(lambda_k) = x_0 of step k
/// ```
/// Lu et al. 2022 (DPM-Solver++), proposition 4.1. The first step and the last are of first order, the second is of second order: a chain of third order if it starts
/// in almost pure noise, where the prediction hardly changes. (diffusers gives the second difference half of this weight.)
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DpmSolverPp3m {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

impl SamplerSettings for DpmSolverPp3m {
    fn sampler(&self) -> Box<dyn Sampler> {
        Box::new(Solver { settings: self.clone(), memory: Memory::default() })
    }
}

/// The solver with its memory.
#[derive(Debug)]
struct Solver {
    settings: DpmSolverPp3m,
    memory: Memory,
}

impl Sampler for Solver {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.memory.clear();
        self.settings.layout.times(process, self.settings.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        self.memory.add(lambda(process, from), known.x0.shallow_clone(), 3);
        if finite_step(process, from, to).is_none() {
            return Ok(Step { x: first_order(process, &known, to), predicted_x0: known.x0 });
        }
        let ends = [from, to].map(|t| lambda(process, t));
        let weights = weights_of_nodes(&self.memory.lambdas(), ends[0], ends[1], 1.0);
        let x = process.noise(to) * (x / process.noise(from) + self.memory.sum(&weights));
        Ok(Step { x, predicted_x0: known.x0 })
    }
}
