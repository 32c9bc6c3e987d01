//! The options for how samples are drawn.

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};

use crate::common_options::set;
use crate::list::{choice, entry};

#[derive(Args)]
pub struct SamplingOptions {
    /// The sampler (`ddpm list samplers`); the model's own where it is left out
    #[arg(long, value_name = "NAME", value_parser = entry(SamplerConfig::ENTRIES, SamplerConfig::from_name))]
    sampler: Option<SamplerConfig>,
    /// ddim: how many steps; all that the process has where it is left out
    #[arg(long, value_name = "K")]
    steps: Option<usize>,
    /// ddim: where the steps lie (`ddpm list layouts`)
    #[arg(long, value_name = "NAME", value_parser = entry(StepLayoutConfig::ENTRIES, StepLayoutConfig::from_name))]
    layout: Option<StepLayoutConfig>,
    /// ddim: the share of fresh noise, 0 for none, 1 for as much as ancestral sampling adds
    #[arg(long, value_name = "ETA")]
    eta: Option<f64>,
    /// ancestral: the variance of the reverse steps; the model's own where it is left out
    #[arg(long, value_parser = choice::<ReverseVariance>())]
    variance: Option<ReverseVariance>,
    /// Whether the predicted x_0 is clipped to [-1, 1], the range of images; as the model says where it is left out
    #[arg(long, value_name = "BOOL")]
    clip_denoised: Option<bool>,
}

impl SamplingOptions {
    /// Every option that was given takes the place of the setting.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an option of another sampler.
    pub fn apply(&self, sampling: &mut SamplingConfig) -> Result<()> {
        // The sampler that is there may have settings of its own.
        if let Some(sampler) = self.sampler.as_ref().filter(|sampler| sampler.name() != sampling.sampler.name()) {
            sampling.sampler = sampler.clone();
        }
        set_variance(sampling, self.variance)?;
        match &mut sampling.sampler {
            SamplerConfig::Ddim(ddim) => {
                ddim.steps = self.steps.or(ddim.steps);
                set(&mut ddim.layout, self.layout.clone());
                set(&mut ddim.eta, self.eta);
            }
            other if self.steps.is_some() || self.eta.is_some() || self.layout.is_some() => {
                let problem =
                    format!("--steps, --layout and --eta are for the sampler ddim; this one is {}", other.name());
                return Err(Error::Unsupported(problem));
            }
            SamplerConfig::Ancestral(_) => {}
        }
        set(&mut sampling.clip_denoised, self.clip_denoised);
        Ok(())
    }

    /// Whether a sampler was chosen.
    pub fn has_sampler(&self) -> bool {
        self.sampler.is_some()
    }
}

/// Gives the sampler the variance that was chosen, if any.
///
/// # Errors
/// [`Error::Unsupported`] for a sampler that has no choice of it.
pub fn set_variance(sampling: &mut SamplingConfig, variance: Option<ReverseVariance>) -> Result<()> {
    match (&mut sampling.sampler, variance) {
        (_, None) => Ok(()),
        (SamplerConfig::Ancestral(sampler), Some(variance)) => {
            sampler.variance = variance;
            Ok(())
        }
        (other, Some(_)) => {
            Err(Error::Unsupported(format!("--variance is for the sampler ancestral; this one is {}", other.name())))
        }
    }
}
