//! `ddpm sample`: draws samples into a file.

use std::fmt::{self, Display, Formatter};
use std::time::Instant;

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde::Serialize;
use serde_json::json;

use crate::label_options::{LabelOptions, Labels};
use crate::list::entry;
use crate::model::{DataPlace, Trained};
use crate::oracle::Oracle;
use crate::output::Output;
use crate::say::{note, say};

#[derive(Args)]
#[command(mut_arg("model", |model| model.required(false).required_unless_present("oracle")))]
pub struct Sample {
    #[command(flatten)]
    trained: Trained,
    #[command(flatten)]
    labels: LabelOptions,
    /// In place of a model, the perfect denoiser of N samples of a data set, which draws copies of them; with COMPONENTS that of a
    /// Gaussian fitted to them, with so many principal components
    #[arg(long, value_name = "DATASET:N[:COMPONENTS]", conflicts_with = "model")]
    oracle: Option<Oracle>,
    /// The process of an oracle (`ddpm list processes`); discrete, with T = 1000, where it is left out
    #[arg(long, value_name = "NAME", value_parser = entry(ProcessConfig::ENTRIES, ProcessConfig::from_name), requires = "oracle")]
    process: Option<ProcessConfig>,
    /// How many samples; 1000 points or 16 images where it is left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    n: Option<i64>,
    /// The same seed draws the same samples on the same device; the model's own where it is left out
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The file: .npy and .json hold the samples, .png shows them, .gif shows them form
    #[arg(long, value_name = "FILE", value_parser = Output::parse)]
    out: Output,
    /// Images: also show, in this file (.png), the nearest training image under each of the first 16 samples, and say how far they are
    #[arg(long, value_name = "FILE", value_parser = Output::parse)]
    nearest: Option<Output>,
    #[command(flatten)]
    data: DataPlace,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// How far samples are from the training images that are nearest to them, and how far images held out of training are: medians.
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
            Some(distance) => write!(f, "; from images held out of training: {distance:.3}"),
            None => Ok(()),
        }
    }
}

impl Sample {
    pub fn run(self) -> Result<()> {
        if let Some(oracle) = &self.oracle {
            return self.of_oracle(oracle);
        }
        let (manager, model, process) = self.trained.load()?;
        let config = manager.config();
        let dataset = self.data.dataset(config)?;
        let labels = self.labels.labels(manager.name(), model.classes(), &dataset)?;
        if self.data.is_given() && self.nearest.is_none() && labels.is_none() {
            note("warning: --data-dir changes nothing without --nearest or --label: no data is read");
        }
        self.out.check()?;
        // What it is compared with is read first: a folder that is not there is found out before the sampling.
        let compare = match &self.nearest {
            Some(file) => {
                file.check()?;
                Some((file.path(), self.data.dataloader(config)?))
            }
            None => None,
        };
        let are_images = model.sample_shape().len() == 3;
        let n = self.n.unwrap_or(if are_images { 16 } else { 1000 });
        let seed = self.seed.unwrap_or(config.base.seed);
        let mut logger = InferenceLogger::new(self.out.infer_type(are_images)).titled(manager.name()).quiet();
        let started = Instant::now();
        // A GPU is done only when they are here.
        let samples = Labels::samples(labels.as_ref(), &model, &*process, n, seed, &mut logger)?;
        let samples = samples.to_device(Device::Cpu);
        let seconds = started.elapsed().as_secs_f64();
        self.out.write(&samples, seed, process.steps().unwrap_or(0), logger.picture())?;
        let distances = match compare {
            Some((file, dataloader)) => {
                visualize_nearest(&samples, &dataloader)?.save(file)?;
                Some(MedianDistances::of(&samples, &dataloader)?)
            }
            None => None,
        };
        let out = self.out.path();
        if self.json {
            let (indices, guidance) = (labels.as_ref().map(Labels::indices), labels.as_ref().map(Labels::guidance));
            return say(json!({
                "out": out, "n": n, "seed": seed, "seconds": seconds, "nearest": distances, "labels": indices,
                "guidance": guidance,
            }));
        }
        say(format!("{} samples of {} (seed {seed}) in {seconds:.2} s: {}", n, manager.name(), out.display()))?;
        distances.map_or(Ok(()), say)
    }

    fn of_oracle(&self, oracle: &Oracle) -> Result<()> {
        if self.nearest.is_some() || self.data.is_given() {
            let problem = "--nearest and --data-dir are for the data that a model has learned: an oracle is its data";
            return Err(Error::Unsupported(problem.to_owned()));
        }
        if self.labels.are_given() {
            let problem = "--label is for a model that takes labels: an oracle knows no classes";
            return Err(Error::Unsupported(problem.to_owned()));
        }
        self.out.check()?;
        let process = self.process.clone().unwrap_or_default().build().process()?;
        let sampling = self.trained.sampling_of(&*process)?;
        let mut sampler = sampling.sampler.sampler();
        // A sampler that does not run on this process is found out before anything is computed.
        let steps = sampler.times(&*process)?.len() - 1;
        let seed = self.seed.unwrap_or(1);
        let data = oracle.data(seed)?;
        let sample_shape = &data.size()[1..];
        let are_images = sample_shape.len() == 3;
        let n = self.n.unwrap_or(if are_images { 16 } else { 1000 });
        let denoiser = oracle.denoiser(&*process, &data)?;
        let mut logger = InferenceLogger::new(self.out.infer_type(are_images)).titled(oracle.name()).quiet();
        let started = Instant::now();
        let noise = draw_noise_of(sample_shape, data.device(), &*process, n, seed)?;
        let clips = sampling.clip_denoised;
        let samples = generate_samples_by(&mut *sampler, &*denoiser, clips, &*process, noise, seed, &mut logger)?;
        let seconds = started.elapsed().as_secs_f64();
        self.out.write(&samples, seed, steps, logger.picture())?;
        let out = self.out.path();
        if self.json {
            return say(json!({ "out": out, "n": n, "seed": seed, "seconds": seconds, "steps": steps }));
        }
        say(format!("{n} samples of {} (seed {seed}) in {seconds:.2} s: {}", oracle.name(), out.display()))
    }
}
