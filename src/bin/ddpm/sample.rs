//! `ddpm sample`: draws samples into a file.

use std::time::Instant;

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;
use serde_json::json;

use crate::model::Trained;
use crate::output::Output;
use crate::say::say;

#[derive(Args)]
pub struct Sample {
    #[command(flatten)]
    trained: Trained,
    /// How many samples
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(i64).range(1..))]
    n: i64,
    /// The same seed draws the same samples; the model's own where it is left out
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The file: .npy and .json hold the samples, .png shows them, .gif shows them form
    #[arg(long, value_name = "FILE", value_parser = Output::parse)]
    out: Output,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Sample {
    pub fn run(self) -> Result<()> {
        let (manager, model, constants) = self.trained.load()?;
        self.out.check()?;
        let seed = self.seed.unwrap_or(manager.config().base.seed);
        let mut logger = InferenceLogger::new(self.out.infer_type(model.sample_shape().len() == 3)).quiet();
        let started = Instant::now();
        let samples = generate_samples(&model, &constants, self.n, seed, &mut logger)?;
        let seconds = started.elapsed().as_secs_f64();
        self.out.write(&samples, seed, constants.timesteps(), logger.picture())?;
        let out = self.out.path();
        if self.json {
            return say(json!({ "out": out, "n": self.n, "seed": seed, "seconds": seconds }));
        }
        say(format!("{} samples of {} (seed {seed}) in {seconds:.2} s: {}", self.n, manager.name(), out.display()))
    }
}
