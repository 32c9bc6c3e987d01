//! `Ddim`: fewer steps, with any amount of fresh noise, or none.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::by_coordinate::ddim_step;
use super::direction::require_steps_back;
use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::{Error, Result};
use crate::process::Process;

/// Denoising diffusion implicit models: goes directly from any time to any earlier one by recombining the predicted
/// data and the predicted noise.
///
/// ```text
/// x_to    = a(to) x_0 + sqrt( s(to)^2 - sigma^2 ) eps + sigma z,   z ~ N(0, I)
/// sigma^2 = eta^2 s(to)^2 / s(t)^2 ( s(t)^2 - a(t)^2 / a(to)^2 s(to)^2 )
/// ```
/// Song, Meng & Ermon 2021, equations 12 and 16. With `eta = 0` no noise is added, and `x_T` alone determines the
/// sample; with `eta = 1` and all steps it equals [`Ancestral`](super::Ancestral) with the posterior's variance.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ddim {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// How the steps are spaced.
    pub layout: StepLayoutConfig,
    /// `eta`, the share of fresh noise, in `[0, 1]`.
    pub eta: f64,
}

impl Sampler for Ddim {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        if !(0.0..=1.0).contains(&self.eta) {
            return Err(Error::config("Ddim.eta", "0 to 1", self.eta));
        }
        self.layout.times(process, self.steps)
    }

    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        process: &dyn Process,
        x: &Tensor,
        from: f64,
        to: f64,
    ) -> Result<Step> {
        require_steps_back(process, from, to, self.eta == 0.0)?;
        if !process.is_scalar() {
            return ddim_step(denoiser, process, self.eta, x, [from, to]);
        }
        let (kept, noise, noise_after) = (process.signal(from) / process.signal(to), process.noise(from), process.noise(to));
        let added = (noise.powi(2) - (kept * noise_after).powi(2)).max(0.0);
        let sigma = self.eta * noise_after / noise * added.sqrt();

        let Denoised { x0, eps, .. } = denoiser.denoise(x, from)?;
        let mean = process.signal(to) * &x0 + (noise_after.powi(2) - sigma.powi(2)).max(0.0).sqrt() * eps;
        let x = if sigma > 0.0 { mean + sigma * process.draw(&Tensor::from(to), x)? } else { mean };
        Ok(Step { x, predicted_x0: x0 })
    }
}
