//! `ddpm evaluate`: how close a model's samples come to the data.

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;
use serde_json::json;

use crate::model::Trained;
use crate::say::say;

#[derive(Args)]
pub struct Evaluate {
    #[command(flatten)]
    trained: Trained,
    /// How many samples to compare with as many fresh data
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(i64).range(1..))]
    n: i64,
    /// How often, each time with other samples and other fresh data; the means are reported
    #[arg(long, value_name = "R", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    repeats: u64,
    /// The seed of samples, fresh data and directions
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    pub fn run(self) -> Result<()> {
        let (manager, model, constants) = self.trained.load()?;
        let dataset = &manager.config().base.dataset;
        let mut runs = Vec::new();
        for seed in (self.seed..).take(self.repeats as usize) {
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
}
