//! `Rk4`: the classical Runge-Kutta method for the probability-flow ODE.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::first_order;
use super::probability_flow::PathVariable;
use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::ode::rk4_step;
use crate::process::Process;

/// The classical Runge-Kutta method of order 4 for the [probability-flow ODE](super::probability_flow()), in the time of the process. For a
/// process with steps, between which the noise changes at another rate than at the next, it is in `lambda = ln( a / s )`. Four network calls
/// per step, one in the last.
///
/// ```text
/// dx/dt = a'(t) x_0 + s'(t) eps
/// k_1 = v(x, t),   k_2 = v(x + h/2 k_1, t + h/2),   k_3 = v(x + h/2 k_2, t + h/2),   k_4 = v(x + h k_3, to),   h = to - t
/// x_to = x + h/6 ( k_1 + 2 k_2 + 2 k_3 + k_4 )
/// ```
/// Song et al. 2021, equation 13; Hairer, Nørsett & Wanner 1993, section II.1. The last step, to `t = 0`, returns the predicted data. The
/// velocity is finite in pure noise, so that the first step is of order 4, too.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rk4 {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

impl Sampler for Rk4 {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.layout.times(process, self.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        if to == 0.0 {
            return Ok(Step { x: first_order(process, &known, to), predicted_x0: known.x0 });
        }
        let path = PathVariable::of(process);
        let velocity = path.velocity_after(denoiser, &known, from);
        Ok(Step { x: rk4_step(velocity, x, path.at(from), path.at(to))?, predicted_x0: known.x0 })
    }
}
