//! The options for how samples are drawn.

use clap::Args;
use ddpm_tutor::prelude::*;
use serde_json::{Value, json};

use crate::common_options::set;
use crate::list::{choice, entry};

#[derive(Args)]
pub struct SamplingOptions {
    /// The sampler (`ddpm list samplers`); by default the model's
    #[arg(long, value_name = "NAME", value_parser = entry(SamplerConfig::ENTRIES, SamplerConfig::from_name))]
    sampler: Option<SamplerConfig>,
    /// The number of steps, by default all steps of the process; for adaptive, of stretches between which it chooses its steps
    #[arg(long, value_name = "K")]
    steps: Option<usize>,
    /// How the steps are spaced (`ddpm list layouts`)
    #[arg(long, alias = "spacing", value_name = "NAME", value_parser = entry(StepLayoutConfig::ENTRIES, StepLayoutConfig::from_name))]
    layout: Option<StepLayoutConfig>,
    /// ddim: the share of fresh noise, from 0 for none to 1 for as much as ancestral sampling adds
    #[arg(long, value_name = "ETA")]
    eta: Option<f64>,
    /// consistent-annealed: how fast fresh noise replaces old noise; 1 is ddim, 2 ancestral; by default 3
    #[arg(long, value_name = "P")]
    power: Option<f64>,
    /// adaptive, rk45: the relative tolerance
    #[arg(long, value_name = "TOLERANCE")]
    rtol: Option<f64>,
    /// Any other setting of the sampler, such as corrections=2 or predictor=ddim
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, Value)>,
    /// ancestral: the variance of the steps; by default the model's
    #[arg(long, value_parser = choice::<ReverseVariance>())]
    variance: Option<ReverseVariance>,
    /// Whether to clip the predicted x_0 to [-1, 1], the range of images; by default as in the model's configuration
    #[arg(long, value_name = "BOOL")]
    clip_denoised: Option<bool>,
}

impl SamplingOptions {
    /// Applies every option that was given.
    ///
    /// # Errors
    /// [`ddpm_tutor::Error::Unsupported`] for an option that belongs to another sampler.
    pub fn apply(&self, sampling: &mut SamplingConfig) -> ddpm_tutor::Result<()> {
        // If the sampler stays the same, it keeps its settings.
        if let Some(sampler) = self.sampler.as_ref().filter(|sampler| sampler.name() != sampling.sampler.name()) {
            sampling.sampler = sampler.clone();
        }
        let given = [
            ("steps", self.steps.map(|steps| json!(steps))),
            ("layout", self.layout.as_ref().map(|layout| json!(layout))),
            ("eta", self.eta.map(|eta| json!(eta))),
            ("power", self.power.map(|power| json!(power))),
            ("rtol", self.rtol.map(|rtol| json!(rtol))),
            ("variance", self.variance.map(|variance| json!(variance))),
        ];
        for (setting, value) in given {
            if let Some(value) = value {
                sampling.sampler = sampling.sampler.with_setting(setting, value)?;
            }
        }
        for (setting, value) in &self.settings {
            sampling.sampler = sampling.sampler.with_setting(setting, value.clone())?;
        }
        set(&mut sampling.clip_denoised, self.clip_denoised);
        Ok(())
    }
}

/// Reads `NAME=VALUE`. A value that is not JSON is text, such as the name of a predictor.
fn setting(given: &str) -> Result<(String, Value), String> {
    let (name, value) = given.split_once('=').ok_or("expected NAME=VALUE, such as corrections=2")?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| json!(value))))
}
