//! `Plms`: the linear multistep method of PNDM.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::{Memory, finite_step, first_order, lambda};
use super::{Sampler, SamplerSettings, Step, StepLayoutConfig};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::Result;
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
        Box::new(Solver { settings: self.clone(), memory: Memory::default() })
    }
}

/// The solver with its memory.
#[derive(Debug)]
struct Solver {
    settings: Plms,
    memory: Memory,
}

impl Sampler for Solver {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.memory.clear();
        self.settings.layout.times(process, self.settings.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        self.memory.add(lambda(process, from), known.eps.shallow_clone(), 4);
        if finite_step(process, from, to).is_none() {
            return Ok(Step { x: first_order(process, &known, to), predicted_x0: known.x0 });
        }
        let eps = self.memory.sum(adams_bashforth(self.memory.lambdas().len()));
        let x0 = (x - process.noise(from) * &eps) / process.signal(from);
        Ok(Step { x: first_order(process, &Denoised { x0, eps, variance_share: None }, to), predicted_x0: known.x0 })
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
