//! `ddpm evaluate`: how close a model's samples come to the data; of images, how well it sees noise in those held out.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::json;

use crate::model::{DataPlace, Trained};
use crate::say::{note, say};

#[derive(Args)]
pub struct Evaluate {
    #[command(flatten)]
    trained: Trained,
    #[command(flatten)]
    data: DataPlace,
    /// How many samples to compare with as many fresh data
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(i64).range(1..))]
    n: i64,
    /// How often, each time with other samples and other fresh data; the means are reported
    #[arg(long, value_name = "R", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    repeats: u64,
    /// The seed of samples, fresh data and directions
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Also draw the losses of the training's epochs into this file (.svg)
    #[arg(long, value_name = "FILE")]
    curve: Option<PathBuf>,
    /// Draw the losses of this model, of the same folder, dashed beside them
    #[arg(long, value_name = "NAME", requires = "curve")]
    reference: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    pub fn run(self) -> Result<()> {
        let (manager, model, constants) = self.trained.load()?;
        self.data.check(manager.config())?;
        if let Some(file) = &self.curve {
            self.losses(&manager)?.save(file)?;
        }
        if manager.config().base.dataset.is_images() {
            return self.evaluate_images(&manager, &model, &constants);
        }
        let dataset = &manager.config().base.dataset;
        let mut runs = Vec::new();
        let seeds = (0..self.repeats).map(|k| self.seed.wrapping_add(k));
        for seed in progress("evaluation", seeds) {
            let samples =
                generate_samples(&model, &constants, self.n, seed, &mut InferenceLogger::new(InferType::None))?;
            runs.push(evaluate(&samples, dataset, seed)?);
        }
        let mean = Evaluation::mean(&runs);
        if self.json {
            let result = json!({ "model": manager.name(), "seed": self.seed, "repeats": self.repeats, "evaluation": mean, "runs": runs });
            return say(result);
        }
        let times = if self.repeats == 1 { String::new() } else { format!(", mean of {}", self.repeats) };
        say(format!("{}, {} samples against fresh {}{times}: {mean}", manager.name(), self.n, dataset.name()))
    }

    fn losses(&self, manager: &ModelManager) -> Result<Picture> {
        let history = self.trained.history(manager)?;
        let Some(name) = &self.reference else {
            return visualize_training(&history);
        };
        let reference = self.trained.beside(name)?;
        let learned = |manager: &ModelManager| {
            let config = manager.config();
            format!("{} with T = {}", config.base.dataset.name(), config.training.timesteps)
        };
        let (of_this, of_that) = (learned(manager), learned(&reference));
        if of_this != of_that {
            note(format!(
                "warning: {} learned {of_this}, {name} {of_that}: their losses differ for that alone",
                manager.name()
            ));
        }
        visualize_training_beside(&history, name, &reference.history(None)?)
    }

    fn evaluate_images(&self, manager: &ModelManager, model: &Model, constants: &ConstantsManager) -> Result<()> {
        let config = manager.config();
        let dataloader = self.data.dataloader(config)?;
        let Some(held_out) = dataloader.held_out_batch() else {
            let problem =
                format!("{} was trained on all of its images: none are held out to measure on", manager.name());
            return Err(Error::Unsupported(problem));
        };
        let images = held_out.x0.size()[0];
        // It may take a while on a CPU.
        note(format!("looking for noise in {images} images"));
        let loss = validation_loss(model, constants, &held_out)?;
        if self.json {
            return say(json!({ "model": manager.name(), "validation_loss": loss, "images": images }));
        }
        let dataset = config.base.dataset.name();
        say(format!("{}, validation loss on {images} images of {dataset} held out: {loss:.4}", manager.name()))
    }
}
