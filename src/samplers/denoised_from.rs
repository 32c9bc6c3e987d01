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
/// diffusion-based deep generative models", where the denoiser is another network.
#[derive(Debug)]
pub struct DenoisedFrom {
    sampler: Box<dyn Sampler>,
    last: f64,
}

impl DenoisedFrom {
    /// This sampler, which goes to `last`, and from there to 0 in one step.
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
        let above = self.sampler.times(process)?.into_iter().take_while(|t| *t > self.last);
        Ok(above.chain([self.last, 0.0]).collect())
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        self.sampler.step(denoiser, process, x, from, to)
    }
}
