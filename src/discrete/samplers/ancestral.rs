//! `TokenAncestral`: the steps of the forward process back.

use tch::Tensor;

use super::TokenSampler;
use crate::discrete::categorical::draw;
use crate::discrete::corruption::Corruption;
use crate::discrete::predictor::TokenPredictor;
use crate::discrete::process::TokenProcess;
use crate::error::{Result, require};

/// Ancestral sampling: from each `x_t` draws `x_{t-1} ~ p_theta(x_{t-1} | x_t)`, for `t = T, …, 1`, or in fewer and longer steps.
///
/// ```text
/// p_theta(x_s | x_t) = sum_{x_0} q(x_s | x_t, x_0) p_theta(x_0 | x_t),   s < t
/// ```
/// Austin et al. 2021, section 3.3. All tokens are drawn at the same time, independently of each other: even with the exact prediction, the chain is
/// exact only if few of them change in a step.
#[derive(Debug)]
pub struct TokenAncestral<'a> {
    process: &'a TokenProcess,
    steps: Option<usize>,
}

impl<'a> TokenAncestral<'a> {
    /// All steps of the process.
    pub fn new(process: &'a TokenProcess) -> Self {
        Self { process, steps: None }
    }

    /// So many steps, evenly spaced.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for none, or more than the process has.
    pub fn with_steps(process: &'a TokenProcess, steps: usize) -> Result<Self> {
        let possible = (1..=process.steps()).contains(&steps);
        require(possible, "TokenAncestral.steps", "at least 1, and at most those of the process", steps)?;
        Ok(Self { process, steps: Some(steps) })
    }
}

impl TokenSampler for TokenAncestral<'_> {
    fn corruption(&self) -> &dyn Corruption {
        self.process
    }

    fn times(&self, _start: &Tensor) -> Result<Vec<f64>> {
        let (all, steps) = (self.process.steps(), self.steps.unwrap_or(self.process.steps()));
        Ok((0..=steps).rev().map(|i| (i * all / steps) as f64).collect())
    }

    fn step(&self, predictor: &dyn TokenPredictor, x_t: &Tensor, from: f64, to: f64) -> Result<Tensor> {
        Ok(draw(&self.process.reverse_between(&predictor.logits(x_t, from)?, x_t, from, to)?))
    }
}
