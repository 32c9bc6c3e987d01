//! `Adaptive`: a solver of the ODE that chooses the lengths of its steps, from an estimate of their errors.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::exponential::{LEAST_SIGNAL, finite_step, first_order, lambda, step_with_noise, time_of};
use super::{Sampler, SamplerSettings, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::{Result, require};
use crate::process::Process;

/// Takes each step with the first and with the second order, [`Ddim`](super::Ddim) and [`DpmSolver2`](super::DpmSolver2): the difference
/// estimates the error. A step whose error exceeds the tolerance is taken again with a smaller length `h` in `lambda`.
///
/// ```text
/// E = root mean square of ( x_1 - x_2 ) / max( atol, rtol max( |x_1|, |x_1 of the step before| ) ), the largest of the batch
/// accept x_2 if E <= 1;   h <- 0.9 h / sqrt(E)
/// ```
/// Lu et al. 2022 (DPM-Solver), appendix C: DPM-Solver-12, with its tolerances for images. Two network calls for each step, one for each rejected
/// one: how many depends on the data. On a GPU, the estimate is waited for. The last step, to `t = 0`, is of first order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adaptive {
    /// The relative tolerance, above 0.
    pub rtol: f64,
    /// The absolute tolerance, above 0; by default one gray level of 256.
    pub atol: f64,
    /// The number of stretches in each of which it chooses its steps; `None` for a single one, to the first time above 0.
    pub steps: Option<usize>,
    /// The layout of these stretches.
    pub layout: StepLayoutConfig,
}

impl Default for Adaptive {
    fn default() -> Self {
        Self { rtol: 0.05, atol: 0.0078, steps: None, layout: StepLayoutConfig::default() }
    }
}

/// The length of the first step in `lambda`, that of the paper.
const FIRST_LENGTH: f64 = 0.05;

/// The least length of a step, as a share of its stretch.
const LEAST_SHARE: f64 = 1e-4;

impl SamplerSettings for Adaptive {
    fn sampler(&self) -> Box<dyn Sampler> {
        Box::new(Solver { settings: self.clone(), length: FIRST_LENGTH })
    }
}

/// The solver, which remembers the length that suits its next step.
#[derive(Debug)]
struct Solver {
    settings: Adaptive,
    length: f64,
}

impl Solver {
    /// `E`: the estimated error of a step in units of the tolerance, for the worst sample.
    fn error(&self, first: &Tensor, second: &Tensor, before: &Tensor) -> f64 {
        let size = first.abs().maximum(&before.abs()) * self.settings.rtol;
        let ratio = (first - second) / size.clamp_min(self.settings.atol);
        ratio.flatten(1, -1).square().mean_dim(1, false, Kind::Double).max().sqrt().double_value(&[])
    }
}

impl Sampler for Solver {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        let Adaptive { rtol, atol, steps, ref layout } = self.settings;
        require(rtol > 0.0 && rtol.is_finite(), "Adaptive.rtol", "above 0", rtol)?;
        require(atol > 0.0 && atol.is_finite(), "Adaptive.atol", "above 0", atol)?;
        self.length = FIRST_LENGTH;
        match steps {
            Some(_) => layout.times(process, steps),
            None => {
                // A little more signal than the least, so that rounding does not make it less.
                let with_signal = time_of(process, LEAST_SIGNAL.ln() + 1e-6);
                let mut times = vec![process.end(), with_signal, process.first_time(), 0.0];
                times.dedup();
                Ok(times)
            }
        }
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        let predicted_x0 = known.x0.shallow_clone();
        let Some(stretch) = finite_step(process, from, to) else {
            return Ok(Step { x: first_order(process, &known, to), predicted_x0 });
        };
        let (start, mut done, mut x, mut eps) = (lambda(process, from), 0.0, x.shallow_clone(), known.eps);
        let mut before = x.shallow_clone();
        let least = LEAST_SHARE * stretch.abs();
        loop {
            let length = self.length.max(least).min(stretch.abs() - done);
            let reaches_the_end = length >= stretch.abs() - done;
            let time = |done: f64| time_of(process, start + done.copysign(stretch));
            let (t, middle) = (time(done), time(done + length / 2.0));
            let next = if reaches_the_end { to } else { time(done + length) };
            let first = step_with_noise(process, &x, t, next, &eps);
            let u = step_with_noise(process, &x, t, middle, &eps);
            let second = step_with_noise(process, &x, t, next, &denoiser.denoise(&u, middle)?.eps);
            let error = self.error(&first, &second, &before);
            let suitable = 0.9 * length / error.max(1e-4).sqrt();
            // The chain finds out by itself about numbers that are not finite.
            if error > 1.0 && error.is_finite() && length > least {
                self.length = suitable;
                continue;
            }
            (before, x) = (first, second);
            if reaches_the_end {
                // This step was cut short.
                self.length = self.length.max(suitable);
                break;
            }
            self.length = suitable;
            done += length;
            eps = denoiser.denoise(&x, next)?.eps;
        }
        Ok(Step { x, predicted_x0 })
    }
}
