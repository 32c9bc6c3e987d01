//! `DpmSolver3`: DPM-Solver of third order, which looks at two points within each step.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::{finite_step, first_order, lambda, step_with_noise, time_of};
use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;

/// Predicts the noise at the beginning, after a third, and after two thirds of each step (in `lambda`). Three network calls per step, one in
/// the last.
///
/// ```text
/// u_1  = a_1 / a x - s_1 ( e^{h/3} - 1 ) eps,   D_1 = eps(u_1) - eps
/// u_2  = a_2 / a x - s_2 ( e^{2h/3} - 1 ) eps - 2 s_2 ( ( e^{2h/3} - 1 ) / ( 2h/3 ) - 1 ) D_1,   D_2 = eps(u_2) - eps
/// x_to = a(to) / a x - s(to) ( e^h - 1 ) eps - 3/2 s(to) ( ( e^h - 1 ) / h - 1 ) D_2
/// ```
/// Lu et al. 2022 (DPM-Solver), algorithm 2. The last step, to `t = 0`, is of first order, as is a step from almost
/// pure noise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DpmSolver3 {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
}

impl Sampler for DpmSolver3 {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.layout.times(process, self.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        let Some(h) = finite_step(process, from, to) else {
            return Ok(Step { x: first_order(process, &known, to), predicted_x0: known.x0 });
        };
        let at = |share: f64| time_of(process, lambda(process, from) + share * h);
        let (third, two_thirds) = (at(1.0 / 3.0), at(2.0 / 3.0));
        // ( e^{r h} - 1 ) / ( r h ) - 1
        let phi = |share: f64| (share * h).exp_m1() / (share * h) - 1.0;

        let u_1 = step_with_noise(process, x, from, third, &known.eps);
        let d_1 = denoiser.denoise(&u_1, third)?.eps - &known.eps;
        let of_d_1 = 2.0 * process.noise(two_thirds) * phi(2.0 / 3.0);
        let u_2 = step_with_noise(process, x, from, two_thirds, &known.eps) - of_d_1 * d_1;
        let d_2 = denoiser.denoise(&u_2, two_thirds)?.eps - &known.eps;
        let of_d_2 = 1.5 * process.noise(to) * phi(1.0);
        let x = step_with_noise(process, x, from, to, &known.eps) - of_d_2 * d_2;
        Ok(Step { x, predicted_x0: known.x0 })
    }
}
