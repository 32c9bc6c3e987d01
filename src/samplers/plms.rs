//! `Plms`: the linear multistep method of PNDM.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::{Memory, first_order};
use super::multistep::{Formula, Multistep};
use super::{Sampler, SamplerSettings, StepLayoutConfig};
use crate::denoisers::Denoised;
use crate::process::Process;

/// Combines the predicted noise of the last four steps as Adams and Bashforth do for equal steps, and recombines it with the data that it
/// implies, as DDIM does. One network call per step. It is of second order in spite of its four coefficients, because these are
/// for equal steps of an ordinary equation, and the recombination is not one.
///
/// ```text
/// eps' = ( 55 eps_t - 59 eps_before + 37 eps_before2 - 9 eps_before3 ) / 24
/// x_to = a(to) ( x - s eps' ) / a + s(to) eps'
/// ```
/// Liu et al. 2022 (PNDM), equations 11 and 12. The first steps use the formulas of Adams and Bashforth for fewer predictions; the last step, to
/// `t = 0`, is of first order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plms {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

impl SamplerSettings for Plms {
    fn sampler(&self) -> Box<dyn Sampler> {
        Box::new(Multistep::of(self.clone()))
    }
}

impl Formula for Plms {
    fn layout(&self) -> (&StepLayoutConfig, Option<usize>) {
        (&self.layout, self.steps)
    }

    fn remembered<'a>(&self, known: &'a Denoised) -> &'a Tensor {
        &known.eps
    }

    fn predictions(&self) -> usize {
        4
    }

    fn advance(&self, process: &dyn Process, predictions: &Memory, x: &Tensor, from: f64, to: f64) -> Tensor {
        let eps = predictions.sum(adams_bashforth(predictions.lambdas().len()));
        let x0 = (x - process.noise(from) * &eps) / process.signal(from);
        first_order(process, &Denoised { x0, eps, variance_share: None }, to)
    }
}

/// The coefficients for so many predictions at equal steps, the newest first.
fn adams_bashforth(predictions: usize) -> &'static [f64] {
    match predictions {
        1 => &[1.0],
        2 => &[3.0 / 2.0, -1.0 / 2.0],
        3 => &[23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0],
        _ => &[55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0],
    }
}
