//! `Truncated`: sampling that starts below the end of the process, from samples that another generator made noisy.

use tch::Tensor;

use super::{Sampler, Step};
use crate::denoisers::Denoiser;
use crate::error::{Error, Result};
use crate::process::Process;

/// Another sampler that starts at the time `start` instead of the end of the process: it visits `start`, and those of its times that are
/// below. Its chain begins with samples of `x_start`, not of pure noise: a simple generator can make them, since noise hides most of what
/// it does wrong.
///
/// Zheng et al. 2022 (TDPM); Lyu et al. 2022 (ES-DDPM).
#[derive(Debug)]
pub struct Truncated {
    sampler: Box<dyn Sampler>,
    start: f64,
}

impl Truncated {
    /// This sampler, from this time on.
    pub fn new(sampler: Box<dyn Sampler>, start: f64) -> Self {
        Self { sampler, start }
    }
}

impl Sampler for Truncated {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        if !(self.start > 0.0 && self.start <= process.end()) {
            let expected = format!("a time to start from, above 0 and at most {}", process.end());
            return Err(Error::Timestep { expected, got: self.start.to_string() });
        }
        let below = self.sampler.times(process)?.into_iter().filter(|t| *t < self.start);
        Ok([self.start].into_iter().chain(below).collect())
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        self.sampler.step(denoiser, process, x, from, to)
    }
}
