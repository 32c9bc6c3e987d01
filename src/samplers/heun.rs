//! `Heun`: the second-order solver of Karras et al., which evaluates the slope at both ends of each step.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::finite_step;
use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::Result;
use crate::process::Process;

/// Heun's method for the ODE in the noise level `sigma = s / a`: it takes the mean of the slopes at the beginning and at the
/// end of a step. Two network calls per step, one in the last.
///
/// ```text
/// y  = x / a,   dy / dsigma = ( y - x_0 ) / sigma = eps
/// y' = y + ( sigma(to) - sigma ) eps(y, sigma)
/// y_to = y + ( sigma(to) - sigma ) ( eps(y, sigma) + eps(y', sigma(to)) ) / 2
/// ```
/// Karras et al. 2022, algorithm 1. The last step, to `t = 0`, is an Euler step, as is a step from almost
/// pure noise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Heun {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

impl Sampler for Heun {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.layout.times(process, self.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let Denoised { x0, eps, .. } = denoiser.denoise(x, from)?;
        let (signal, signal_after) = (process.signal(from), process.signal(to));
        // Euler's step: a(to) ( y + ( sigma(to) - sigma ) eps ), which is this, also where a = 0.
        let ahead = signal_after * &x0 + process.noise(to) * &eps;
        if finite_step(process, from, to).is_none() {
            return Ok(Step { x: ahead, predicted_x0: x0 });
        }
        let stride = process.noise(to) / signal_after - process.noise(from) / signal;
        let mean_slope = (eps + denoiser.denoise(&ahead, to)?.eps) / 2.0;
        let x = signal_after * (x / signal + stride * mean_slope);
        Ok(Step { x, predicted_x0: x0 })
    }
}
