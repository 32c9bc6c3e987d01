//! `DpmSolverPp3m`: DPM-Solver++ (3M), a multistep solver that also uses the predictions of the two steps before.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::{Memory, lambda};
use super::multistep::{Formula, Multistep};
use super::{Sampler, SamplerSettings, StepLayoutConfig};
use crate::denoisers::Denoised;
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
        Box::new(Multistep::of(self.clone()))
    }
}

impl Formula for DpmSolverPp3m {
    fn layout(&self) -> (&StepLayoutConfig, Option<usize>) {
        (&self.layout, self.steps)
    }

    fn remembered<'a>(&self, known: &'a Denoised) -> &'a Tensor {
        &known.x0
    }

    fn predictions(&self) -> usize {
        3
    }

    fn advance(&self, process: &dyn Process, predictions: &Memory, x: &Tensor, from: f64, to: f64) -> Tensor {
        let weights = predictions.weights(lambda(process, from), lambda(process, to), 1.0);
        process.noise(to) * (x / process.noise(from) + predictions.sum(&weights))
    }
}
