//! `DenoisedFrom`: generating and denoising apart, with one denoising step in place of the last steps.

use tch::Tensor;

use super::{Sampler, Step};
use crate::denoisers::Denoiser;
use crate::error::{Error, Result};
use crate::process::Process;

/// Another sampler whose steps below the time `last` are replaced by a single one, from `last` to 0: its result is the data that the denoiser
/// predicts there.
///
/// Most of these steps only remove noise and generate nothing. Deja et al. 2022, "On analyzing generative and denoising capabilities of
/// diffusion-based deep generative models", section 4, where the denoiser is another network.
#[derive(Debug)]
pub struct DenoisedFrom {
    sampler: Box<dyn Sampler>,
    last: f64,
}

impl DenoisedFrom {
    /// This sampler, which jumps from the first of its times that is at most `last` to 0.
    pub fn new(sampler: Box<dyn Sampler>, last: f64) -> Self {
        Self { sampler, last }
    }
}

impl Sampler for DenoisedFrom {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        if !(self.last > 0.0 && self.last <= process.end()) {
            let expected = format!("a time to denoise from, above 0 and at most {}", process.end());
            return Err(Error::Timestep { expected, got: self.last.to_string() });
        }
        let mut times = self.sampler.times(process)?;
        let above = times.iter().take_while(|t| **t > self.last).count();
        times.truncate(above + 1);
        if times.last() != Some(&0.0) {
            times.push(0.0);
        }
        Ok(times)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        self.sampler.step(denoiser, process, x, from, to)
    }
}
