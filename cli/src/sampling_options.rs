//! The options for how samples are drawn.

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;
use serde_json::json;

use crate::common_options::set;
use crate::list::{choice, entry};

#[derive(Args)]
pub struct SamplingOptions {
    /// The sampler (`ddpm list samplers`); the model's own where it is left out
    #[arg(long, value_name = "NAME", value_parser = entry(SamplerConfig::ENTRIES, SamplerConfig::from_name))]
    sampler: Option<SamplerConfig>,
    /// How many steps, of a sampler that takes any number; all that the process has where it is left out
    #[arg(long, value_name = "K")]
    steps: Option<usize>,
    /// Where its steps lie (`ddpm list layouts`)
    #[arg(long, value_name = "NAME", value_parser = entry(StepLayoutConfig::ENTRIES, StepLayoutConfig::from_name))]
    layout: Option<StepLayoutConfig>,
    /// The share of fresh noise of ddim, 0 for none, 1 for as much as ancestral sampling adds
    #[arg(long, value_name = "ETA")]
    eta: Option<f64>,
    /// The variance of ancestral steps; the model's own where it is left out
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
    /// [`ddpm_tutor::Error::Unsupported`] for an option of another sampler.
    pub fn apply(&self, sampling: &mut SamplingConfig) -> Result<()> {
        // The sampler that is there may have settings of its own.
        if let Some(sampler) = self.sampler.as_ref().filter(|sampler| sampler.name() != sampling.sampler.name()) {
            sampling.sampler = sampler.clone();
        }
        let given = [
            ("steps", self.steps.map(|steps| json!(steps))),
            ("layout", self.layout.as_ref().map(|layout| json!(layout))),
            ("eta", self.eta.map(|eta| json!(eta))),
            ("variance", self.variance.map(|variance| json!(variance))),
        ];
        for (setting, value) in given {
            if let Some(value) = value {
                sampling.sampler = sampling.sampler.with_setting(setting, value)?;
            }
        }
        set(&mut sampling.clip_denoised, self.clip_denoised);
        Ok(())
    }
}
