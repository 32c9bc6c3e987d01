//! `ddpm sample`: draws samples and writes them to a file.

use std::fmt::{self, Display, Formatter};
use std::time::Instant;

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};

use crate::chain_options::{Begin, ChainOptions, run_from};
use crate::label_options::{LabelOptions, Labels};
use crate::list::entry;
use crate::model::{DataFolder, Trained};
use crate::oracle::Oracle;
use crate::output::Output;
use crate::say::{count, note, say};

#[derive(Args)]
#[command(mut_arg("model", |model| model.required(false).required_unless_present("oracle")))]
pub struct Sample {
    #[command(flatten)]
    trained: Trained,
    #[command(flatten)]
    labels: LabelOptions,
    /// Instead of a model, use the exact denoiser of N samples of a data set, which draws copies of them; with
    /// COMPONENTS, that of a Gaussian fitted to the samples, with this many principal components
    #[arg(long, value_name = "DATASET:N[:COMPONENTS]", conflicts_with = "model")]
    oracle: Option<Oracle>,
    /// The process of an oracle (`ddpm list processes`); by default discrete, with T = 1000
    #[arg(long, value_name = "NAME", value_parser = entry(ProcessConfig::ENTRIES, ProcessConfig::from_name), requires = "oracle")]
    process: Option<ProcessConfig>,
    /// How many samples to draw; by default 1000 points or 16 images
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    n: Option<i64>,
    #[command(flatten)]
    chain: ChainOptions,
    /// The same seed draws the same samples on the same device; by default the model's seed
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The file to write: .npy and .json store the samples, .png shows them, .gif shows how they form
    #[arg(long, value_name = "FILE", value_parser = Output::parse)]
    out: Output,
    /// Images: also write this picture (.png) of the first 16 samples with the nearest training image below each, and
    /// print the distances
    #[arg(long, value_name = "FILE", value_parser = Output::parse)]
    nearest: Option<Output>,
    #[command(flatten)]
    data: DataFolder,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Median distances to the nearest training image, of the samples and of held-out images.
#[derive(Serialize)]
struct MedianDistances {
    distance: f64,
    held_out_distance: Option<f64>,
}

impl MedianDistances {
    fn of(samples: &Tensor, dataloader: &DataLoader) -> Result<Self> {
        let distance = |images: &Tensor| nearest_images(images, dataloader).map(|found| found.median_distance());
        let held_out_distance = dataloader.held_out().map(|images| distance(&images)).transpose()?;
        Ok(Self { distance: distance(samples)?, held_out_distance })
    }
}

impl Display for MedianDistances {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "to the nearest training image: {:.3} (median of the root mean square differences)", self.distance)?;
        match self.held_out_distance {
            Some(distance) => write!(f, "; from held-out images: {distance:.3}"),
            None => Ok(()),
        }
    }
}

impl Sample {
    pub fn run(self) -> Result<()> {
        if let Some(oracle) = &self.oracle {
            return self.sample_oracle(oracle);
        }
        let (manager, model, process) = self.trained.load()?;
        let config = manager.config();
        let dataset = self.data.dataset(config)?;
        let labels = self.labels.labels(&manager, &model, &dataset)?;
        if self.data.is_given() && self.nearest.is_none() && labels.is_none() {
            note("warning: --data-dir has no effect without --nearest or --label: no data is read");
        }
        self.out.check()?;
        // Read the data first, so that a missing folder is reported before the sampling.
        let compare = match &self.nearest {
            Some(file) => {
                file.check()?;
                Some((file.path(), self.data.dataloader(config)?))
            }
            None => None,
        };
        let are_images = model.sample_shape().len() == 3;
        let begin = self.chain.begin(&model.sample_shape(), model.device())?;
        let n = self.n.or(begin.as_ref().map(Begin::rows)).unwrap_or(if are_images { 16 } else { 1000 });
        let seed = self.seed.unwrap_or(config.base.seed);
        let sampling = model.sampling().clone();
        let mut sampler = self.chain.sampler(&sampling.sampler)?;
        let times = self.chain.times(&mut *sampler, &*process)?;
        let mut logger = InferenceLogger::new(self.out.infer_type(are_images)).titled(manager.name()).quiet();
        let started = Instant::now();
        // The transfer waits for the GPU, so the time below includes its work.
        let _threads = threads_for(&model);
        // Drawn even if it is not used: it seeds the noise of the steps.
        let noise = draw_noise(&model, &*process, n, seed)?;
        let begin = begin.unwrap_or(Begin::Noise(noise));
        let clips = sampling.clip_denoised;
        if clips && self.chain.encodes() {
            note("warning: clipping makes codes inexact: --clip-denoised false");
        }
        let draw =
            |denoiser: &dyn Denoiser| run_from(begin, &mut *sampler, denoiser, clips, &*process, seed, &mut logger);
        let (samples, network_calls) = Labels::denoiser(labels.as_ref(), &model, &*process, n, draw)?;
        let samples = samples.to_device(Device::Cpu);
        let seconds = started.elapsed().as_secs_f64();
        if times.last() == Some(&0.0) {
            require_in_range(&samples, &*process)?;
        }
        self.out.write(&samples, seed, process.steps(), logger.picture())?;
        let distances = match compare {
            Some((file, dataloader)) => {
                visualize_nearest(&samples, &dataloader)?.save(file)?;
                Some(MedianDistances::of(&samples, &dataloader)?)
            }
            None => None,
        };
        let out = self.out.path();
        if self.json {
            let mut result = json!({
                "out": out, "n": n, "seed": seed, "seconds": seconds, "nearest": distances, "times": times,
                "network_calls": network_calls,
            });
            if let (Some(result), Value::Object(of_labels)) = (result.as_object_mut(), Labels::in_json(labels.as_ref()))
            {
                result.extend(of_labels);
            }
            return say(result);
        }
        say(self.done(n, manager.name(), seconds, seed))?;
        distances.map_or(Ok(()), say)
    }

    fn sample_oracle(&self, oracle: &Oracle) -> Result<()> {
        if self.nearest.is_some() || self.data.is_given() {
            let problem = "--nearest and --data-dir need a model that has learned from data: an oracle is its data";
            return Err(Error::Unsupported(problem.to_owned()));
        }
        if self.labels.are_given() {
            let problem = "--label needs a model that takes labels: an oracle knows no classes";
            return Err(Error::Unsupported(problem.to_owned()));
        }
        self.out.check()?;
        let process = self.process.clone().unwrap_or_default().build().process()?;
        let sampling = self.trained.sampling_for(&*process)?;
        let mut sampler = self.chain.sampler(&sampling.sampler)?;
        // Rejects a sampler that does not run on this process before anything is computed.
        let times = self.chain.times(&mut *sampler, &*process)?;
        let steps = times.len() - 1;
        let seed = self.seed.unwrap_or(1);
        let data = oracle.data(seed)?;
        let sample_shape = &data.size()[1..];
        let are_images = sample_shape.len() == 3;
        let begin = self.chain.begin(sample_shape, data.device())?;
        let n = self.n.or(begin.as_ref().map(Begin::rows)).unwrap_or(if are_images { 16 } else { 1000 });
        let denoiser = oracle.denoiser(&*process, &data)?;
        let mut logger = InferenceLogger::new(self.out.infer_type(are_images)).titled(oracle.title()).quiet();
        let started = Instant::now();
        let noise = draw_noise_of(sample_shape, data.device(), &*process, n, seed)?;
        let counted = Counted::new(&*denoiser);
        let (begin, clips) = (begin.unwrap_or(Begin::Noise(noise)), sampling.clip_denoised);
        let samples = run_from(begin, &mut *sampler, &counted, clips, &*process, seed, &mut logger)?;
        let seconds = started.elapsed().as_secs_f64();
        if times.last() == Some(&0.0) {
            require_in_range(&samples, &*process)?;
        }
        self.out.write(&samples, seed, Some(steps), logger.picture())?;
        let out = self.out.path();
        if self.json {
            return say(json!({
                "out": out, "n": n, "seed": seed, "seconds": seconds, "steps": steps, "times": times,
                "network_calls": counted.calls(),
            }));
        }
        say(self.done(n, &format!("the {}", oracle.name()), seconds, seed))
    }

    /// What was done with a model or an oracle.
    fn done(&self, n: i64, with: &str, seconds: f64, seed: u64) -> String {
        let (samples, out) = (count(n, "sample"), self.out.path().display());
        match self.chain.encodes() {
            true => format!("encoded {samples} with {with} in {seconds:.2} s: {out}"),
            false => format!("drew {samples} from {with} in {seconds:.2} s (seed {seed}): {out}"),
        }
    }
}
