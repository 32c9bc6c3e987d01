//! Whether a sampler fits the noise of a process.

use std::fmt::{self, Debug, Formatter};

use tch::Tensor;

use super::{Sampler, SamplerConfig, Step};
use crate::denoisers::Denoiser;
use crate::error::{Error, Result};
use crate::noises::NoiseConfig;
use crate::process::{GAUSSIAN, Process};

/// A sampler of the catalogue that rejects a process with noise that it cannot add.
struct Suited {
    config: SamplerConfig,
    sampler: Box<dyn Sampler>,
}

impl SamplerConfig {
    /// The sampler itself, before its first chain. It rejects a process with [noise](crate::noises) that it cannot add.
    pub fn sampler(&self) -> Box<dyn Sampler> {
        Box::new(Suited { sampler: self.build().sampler(), config: self.clone() })
    }

    /// Whether it runs with the noise of this process. Most samplers with fresh noise follow an SDE, and Brownian motion is Gaussian. If
    /// coordinates differ, most have no step for them. Fresh noise has to have mean 0 and variance 1.
    pub fn fits_noise_of(&self, process: &dyn Process) -> bool {
        let is_standardized = || {
            let of_kind = NoiseConfig::from_name(process.noise_kind());
            of_kind.map_or(true, |noise| noise.properties().is_standardized)
        };
        let draws_from_the_process = matches!(self, Self::Ancestral(_) | Self::Ddim(_)) && is_standardized();
        process.noise_kind() == GAUSSIAN || draws_from_the_process || process.is_scalar() && self.is_deterministic()
    }
}

impl Debug for Suited {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.sampler.fmt(f)
    }
}

impl Sampler for Suited {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        if self.config.fits_noise_of(process) {
            return self.sampler.times(process);
        }
        let fits = |name: &&str| SamplerConfig::from_name(name).is_ok_and(|of| of.fits_noise_of(process));
        let fitting: Vec<&str> = SamplerConfig::ENTRIES.iter().map(|entry| entry.name).filter(fits).collect();
        Err(Error::Unsupported(format!(
            "the sampler {} does not run with the noise {} of this process; these samplers do: {}",
            self.config.name(),
            process.noise_kind(),
            fitting.join(", ")
        )))
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        self.sampler.step(denoiser, process, x, from, to)
    }
}
