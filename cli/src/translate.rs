//! `ddpm translate`: from samples of one distribution to samples of another.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::json;

use crate::chain_options::read;
use crate::model::Trained;
use crate::output::Output;
use crate::say::{count, note, say};

/// Translates samples: along a model that was trained between two data sets (`ddpm train --noise-data`), or with two models, of which one encodes
/// the samples as noise and the other one draws from that noise.
#[derive(Args)]
pub struct Translate {
    #[command(flatten)]
    trained: Trained,
    /// The samples to translate: a .npy file, one sample per row, in the range of the model
    #[arg(long, value_name = "FILE")]
    x: PathBuf,
    /// The file for the translated samples: .npy, float32
    #[arg(long, value_name = "FILE", value_parser = Output::parse_npy)]
    out: Output,
    /// Go from the data of the model to its other data set, instead of from that to the data
    #[arg(long)]
    back: bool,
    /// Encode the samples, which are data of this model, as its noise, and let --model draw from that noise
    #[arg(long, value_name = "NAME", conflicts_with = "back")]
    encode_with: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Translate {
    pub fn run(self) -> Result<()> {
        let (manager, model, process) = self.trained.load()?;
        let sampling = model.sampling().clone();
        if !sampling.sampler.is_deterministic() {
            let problem = format!(
                "a translation follows the ODE, and the sampler {} adds fresh noise: use one without it, such as --sampler heun --steps 20",
                sampling.sampler.name()
            );
            return Err(Error::Unsupported(problem));
        }
        let leads_to_data = matches!(manager.config().training.noise, NoiseConfig::DataNoise(_));
        if !leads_to_data && self.encode_with.is_none() {
            return Err(Error::Unsupported(format!(
                "{} leads from noise to data, not from data to data: train a model with --noise-data, or give --encode-with a second model",
                manager.name()
            )));
        }
        self.out.check()?;
        let x = read(&self.x, &model.sample_shape())?.to_device(model.device());
        let n = x.size()[0];
        let started = Instant::now();
        let walk = |model: &Model, process: &dyn Process, x: Tensor, back: bool| {
            let _threads = threads_for(model);
            let denoiser = model.denoiser(process);
            let clipped = Clipped::new(&denoiser, process);
            let seen: &dyn Denoiser = if sampling.clip_denoised { &clipped } else { &denoiser };
            let (mut sampler, mut quiet) = (sampling.sampler.sampler(), InferenceLogger::new(InferType::None).quiet());
            match back {
                true => encode(&mut *sampler, seen, process, x, &mut quiet),
                false => run_chain(&mut *sampler, seen, process, x, &mut quiet),
            }
        };
        if sampling.clip_denoised && (self.back || self.encode_with.is_some()) {
            note("warning: clipping makes codes inexact: --clip-denoised false");
        }
        let start = match &self.encode_with {
            None => x,
            Some(name) => {
                let other = self.trained.other_model(name)?;
                other.config().check_sampler(&sampling.sampler)?;
                let (encoder, of_encoder) =
                    (other.get_model()?, get_process(&other.config().base, &other.config().training)?);
                let (one, two) = (&other.config().training.noise, &manager.config().training.noise);
                if one != two {
                    let (one, two) = (json!(one), json!(two));
                    let problem = format!(
                        "the noise of {name} is {one}, and that of {} is {two}: their codes differ",
                        manager.name()
                    );
                    return Err(Error::Unsupported(problem));
                }
                let code = walk(&encoder, &*of_encoder, x.to_device(encoder.device()), true)?;
                code.to_device(model.device()) * (process.noise_at_end() / of_encoder.noise_at_end())
            }
        };
        let translated = walk(&model, &*process, start, self.back)?.to_device(Device::Cpu);
        let seconds = started.elapsed().as_secs_f64();
        require_in_range(&translated, &*process)?;
        self.out.write_npy(&translated)?;
        let out = self.out.path();
        if self.json {
            return say(
                json!({ "out": out, "n": n, "back": self.back, "encode_with": self.encode_with, "seconds": seconds }),
            );
        }
        say(format!("translated {} with {} in {seconds:.2} s: {}", count(n, "sample"), manager.name(), out.display()))
    }
}
