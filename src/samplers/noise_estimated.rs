//! `NoiseEstimated`: a sampler that measures how noisy its samples are, instead of trusting the schedule.

use tch::{Kind, Tensor};

use super::{Sampler, Step};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;

/// Runs another sampler, but takes each step from the time whose noise the samples have, as estimated from the samples themselves. This corrects a
/// chain that starts with more or less noise than its schedule says, or is disturbed on its way.
///
/// San-Roman, Nachmani & Wolf 2021, "Noise Estimation for Generative Diffusion Models", algorithm 2. Their estimate is a network's, sample by
/// sample; samples of a chain are all at one time, so that their mean square is enough: see [`time_of_mean_square`].
pub struct NoiseEstimated<S, E> {
    sampler: S,
    estimate: E,
}

impl<S: Sampler, E: Fn(&dyn Process, &Tensor) -> f64> NoiseEstimated<S, E> {
    /// This sampler with this estimate of the time of samples `[N, …]`.
    pub fn new(sampler: S, estimate: E) -> Self {
        Self { sampler, estimate }
    }
}

impl<S: Sampler, E> std::fmt::Debug for NoiseEstimated<S, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NoiseEstimated").field("sampler", &self.sampler).finish_non_exhaustive()
    }
}

impl<S: Sampler, E: Fn(&dyn Process, &Tensor) -> f64> Sampler for NoiseEstimated<S, E> {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.sampler.times(process)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let from = (self.estimate)(process, x).clamp(process.first_time().min(from), process.end());
        if from > to {
            return self.sampler.step(denoiser, process, x, from, to);
        }
        // Samples that are cleaner than the end of the step wait for it.
        Ok(Step { x: x.shallow_clone(), predicted_x0: denoiser.denoise(x, from)?.x0 })
    }
}

/// The time at which samples of data with this mean square have the mean square of `x`: it solves `a(t)^2 m + s(t)^2 = mean( x^2 )` by
/// bisection. The mean square of the data differs from that of the noise, and that of the process lies between the two.
///
/// # Shapes
/// `x`: `[N, …]`.
pub fn time_of_mean_square(process: &dyn Process, data_mean_square: f64, x: &Tensor) -> f64 {
    let found = x.square().mean(Kind::Double).double_value(&[]);
    let at = |t: f64| process.signal(t).powi(2) * data_mean_square + process.noise(t).powi(2);
    let rises = at(process.end()) > at(0.0);
    let (mut before, mut after) = (0.0, process.end());
    for _ in 0..60 {
        let middle = (before + after) / 2.0;
        if (at(middle) < found) == rises { before = middle } else { after = middle }
    }
    after
}
