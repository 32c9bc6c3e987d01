//! `UniPc`: a multistep solver that corrects each step with the prediction at its end.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::{Memory, finite_step, first_order, lambda, step_with_data, weights_of_nodes};
use super::{Sampler, SamplerSettings, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;

/// Predictor and corrector. The predictor is that of [`DpmSolverPp2m`](super::DpmSolverPp2m). When the network has predicted the data at
/// the end of the step, the step is taken again from its start, with the parabola in `lambda` through the last three predictions. This
/// costs no further network call, since the next step uses the same prediction: one call per step.
///
/// ```text
/// x_to = s(to) / s x + s(to) integral of e^lambda P(lambda) d lambda,   P(lambda_k) = x_0 of step k, the end of the step included
/// ```
/// Zhao et al. 2023, algorithms 1 and 2: UniPC-2 with `B(h) = e^h - 1`, whose samples converge with order 3. The corrector of the first step uses the mean of two
/// predictions; the last step, to `t = 0`, is of first order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UniPc {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

impl SamplerSettings for UniPc {
    fn sampler(&self) -> Box<dyn Sampler> {
        Box::new(Solver { settings: self.clone(), memory: Memory::default(), last: None })
    }
}

/// The solver with its memory.
#[derive(Debug)]
struct Solver {
    settings: UniPc,
    /// The predictions before the current one.
    memory: Memory,
    last: Option<LastStep>,
}

/// The last step: where it began, with the corrected samples, and where it ended, with the predicted ones.
#[derive(Debug)]
struct LastStep {
    from: f64,
    x: Tensor,
    to: f64,
    predicted: Tensor,
}

impl Solver {
    /// The last step, taken again with the data that was predicted at its end; `None` if there is no such step, or if the samples have been changed
    /// since.
    fn corrected(&self, process: &dyn Process, x: &Tensor, x0: &Tensor, from: f64) -> Option<Tensor> {
        let LastStep { from: start, x: begun, .. } =
            self.last.as_ref().filter(|last| last.to == from && last.predicted == *x)?;
        let x = begun;
        let before = self.memory.lambdas();
        if before.len() == 1 {
            return Some(step_with_data(process, x, *start, from, &((x0 + self.memory.get(0)) / 2.0)));
        }
        let (begin, end) = (lambda(process, *start), lambda(process, from));
        let weights = weights_of_nodes(&[&[end], &before[..]].concat(), begin, end, 1.0);
        let integral = weights[0] * x0 + self.memory.sum(&weights[1..]);
        Some(process.noise(from) * (x / process.noise(*start) + integral))
    }
}

impl Sampler for Solver {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.memory.clear();
        self.last = None;
        self.settings.layout.times(process, self.settings.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        let x = self.corrected(process, x, &known.x0, from).unwrap_or_else(|| x.shallow_clone());
        self.memory.add(lambda(process, from), known.x0.shallow_clone(), 2);
        let Some(h) = finite_step(process, from, to) else {
            return Ok(Step { x: first_order(process, &known, to), predicted_x0: known.x0 });
        };
        let predicted = step_with_data(process, &x, from, to, &self.memory.at_middle(h));
        self.last = Some(LastStep { from, x, to, predicted: predicted.shallow_clone() });
        Ok(Step { x: predicted, predicted_x0: known.x0 })
    }
}
