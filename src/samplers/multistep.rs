//! `Multistep`: what solvers that use the predictions of earlier steps share.

use std::fmt::Debug;

use tch::Tensor;

use super::exponential::{Memory, finite_step, first_order, lambda};
use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::Result;
use crate::process::Process;

/// The formula of a multistep solver, which is also its settings.
pub(super) trait Formula: Debug {
    /// The layout of its steps, and their number.
    fn layout(&self) -> (&StepLayoutConfig, Option<usize>);

    /// What it remembers of a prediction: the data or the noise.
    fn remembered<'a>(&self, known: &'a Denoised) -> &'a Tensor;

    /// The number of predictions that it uses, the newest included.
    fn predictions(&self) -> usize;

    /// The samples at the time `to`, from the samples `x` at the time `from` and the predictions so far: both times have signal and noise.
    fn advance(&self, process: &dyn Process, predictions: &Memory, x: &Tensor, from: f64, to: f64) -> Tensor;

    /// Rejects invalid settings.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// A solver with this formula; Hairer, Nørsett & Wanner 1993, chapter III, on multistep methods. One network call per step; the first step has one prediction, and the last step, to `t = 0`, is of first order.
#[derive(Debug)]
pub(super) struct Multistep<F> {
    formula: F,
    memory: Memory,
}

impl<F> Multistep<F> {
    /// Before its first chain.
    pub fn of(formula: F) -> Self {
        Self { formula, memory: Memory::default() }
    }
}

impl<F: Formula> Sampler for Multistep<F> {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.formula.validate()?;
        self.memory.clear();
        let (layout, steps) = self.formula.layout();
        layout.times(process, steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        let remembered = self.formula.remembered(&known).shallow_clone();
        self.memory.add(lambda(process, from), remembered, self.formula.predictions());
        let x = match finite_step(process, from, to) {
            Some(_) => self.formula.advance(process, &self.memory, x, from, to),
            None => first_order(process, &known, to),
        };
        Ok(Step { x, predicted_x0: known.x0 })
    }
}
