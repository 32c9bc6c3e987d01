//! `DpmSolverPp2m`: DPM-Solver++ (2M), a multistep solver that also uses the prediction of the step before.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::{Memory, lambda, step_with_data};
use super::multistep::{Formula, Multistep};
use super::{Sampler, SamplerSettings, StepLayoutConfig};
use crate::denoisers::Denoised;
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
        Box::new(Multistep::of(self.clone()))
    }
}

impl Formula for DpmSolverPp2m {
    fn layout(&self) -> (&StepLayoutConfig, Option<usize>) {
        (&self.layout, self.steps)
    }

    fn remembered<'a>(&self, known: &'a Denoised) -> &'a Tensor {
        &known.x0
    }

    fn predictions(&self) -> usize {
        2
    }

    fn advance(&self, process: &dyn Process, predictions: &Memory, x: &Tensor, from: f64, to: f64) -> Tensor {
        let h = lambda(process, to) - lambda(process, from);
        step_with_data(process, x, from, to, &predictions.at_middle(h))
    }
}
