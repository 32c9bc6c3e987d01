//! `Deis`: the exponential integrator of Zhang & Chen, which extrapolates the predicted noise with a polynomial.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::{Memory, finite_step, first_order, lambda, weights_of_nodes};
use super::{Sampler, SamplerSettings, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::{Result, require};
use crate::process::Process;

/// Integrates a polynomial in `lambda` through the predicted noise of the last steps. One network call per step.
///
/// ```text
/// x_to = a(to) / a x - a(to) integral of e^{-lambda} P(lambda) d lambda,   P(lambda_k) = eps of step k
/// ```
/// Zhang & Chen 2023, section 3, with the polynomial in the logarithm of the noise level `s / a` instead of `t`. Degree 0 is
/// [`Ddim`](super::Ddim). The first steps have as many predictions as there are, which does no harm
/// if the chain starts in almost pure noise, where the prediction hardly changes. The last step, to `t = 0`, is of first order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deis {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
    /// The degree of the polynomial, 0 to 3.
    pub degree: usize,
}

impl Default for Deis {
    fn default() -> Self {
        Self { steps: None, layout: StepLayoutConfig::default(), degree: 2 }
    }
}

impl SamplerSettings for Deis {
    fn sampler(&self) -> Box<dyn Sampler> {
        Box::new(Solver { settings: self.clone(), memory: Memory::default() })
    }
}

/// The solver with its memory.
#[derive(Debug)]
struct Solver {
    settings: Deis,
    memory: Memory,
}

impl Sampler for Solver {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        require(self.settings.degree <= 3, "Deis.degree", "0 to 3", self.settings.degree)?;
        self.memory.clear();
        self.settings.layout.times(process, self.settings.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        self.memory.add(lambda(process, from), known.eps.shallow_clone(), self.settings.degree + 1);
        if finite_step(process, from, to).is_none() {
            return Ok(Step { x: first_order(process, &known, to), predicted_x0: known.x0 });
        }
        let ends = [from, to].map(|t| lambda(process, t));
        let weights = weights_of_nodes(&self.memory.lambdas(), ends[0], ends[1], -1.0);
        let x = process.signal(to) * (x / process.signal(from) - self.memory.sum(&weights));
        Ok(Step { x, predicted_x0: known.x0 })
    }
}
