//! `ddpm evaluate`: how close a model's samples come to the data.

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;
use serde_json::json;

use crate::model::Trained;

#[derive(Args)]
pub struct Evaluate {
    #[command(flatten)]
    trained: Trained,
    /// How many samples to compare with as many fresh data
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(i64).range(1..))]
    n: i64,
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
        let samples =
            generate_samples(&model, &constants, self.n, self.seed, &mut InferenceLogger::new(InferType::None))?;
        let found = evaluate(&samples, &manager.config().base.dataset, self.seed)?;
        if self.json {
            println!("{}", json!({ "model": manager.name(), "seed": self.seed, "evaluation": found }));
            return Ok(());
        }
        let dataset = manager.config().base.dataset.name();
        println!("{}, {} samples against fresh {dataset}: {found}", manager.name(), found.samples);
        Ok(())
    }
}
