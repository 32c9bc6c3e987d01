//! `Deis`: the exponential integrator of Zhang & Chen, which extrapolates the predicted noise with a polynomial.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::{Memory, lambda};
use super::multistep::{Formula, Multistep};
use super::{Sampler, SamplerSettings, StepLayoutConfig};
use crate::denoisers::Denoised;
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
        Box::new(Multistep::of(self.clone()))
    }
}

impl Formula for Deis {
    fn layout(&self) -> (&StepLayoutConfig, Option<usize>) {
        (&self.layout, self.steps)
    }

    fn remembered<'a>(&self, known: &'a Denoised) -> &'a Tensor {
        &known.eps
    }

    fn predictions(&self) -> usize {
        self.degree + 1
    }

    fn advance(&self, process: &dyn Process, predictions: &Memory, x: &Tensor, from: f64, to: f64) -> Tensor {
        let weights = predictions.weights(lambda(process, from), lambda(process, to), -1.0);
        process.signal(to) * (x / process.signal(from) - predictions.sum(&weights))
    }

    fn validate(&self) -> Result<()> {
        require(self.degree <= 3, "Deis.degree", "0 to 3", self.degree)
    }
}
