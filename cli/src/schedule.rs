//! `ddpm schedule`: how much noise each step of a model adds.

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::json;

use crate::model::ModelOptions;
use crate::say::say;

/// Prints `t`, `beta_t` and `alpha_bar_t` of every step, which together with `ddpm predict` is enough to sample from the model with
/// any other program.
#[derive(Args)]
pub struct Schedule {
    #[command(flatten)]
    model: ModelOptions,
    /// Print a list of {t, beta, alpha_bar} as JSON
    #[arg(long)]
    json: bool,
}

impl Schedule {
    pub fn run(self) -> Result<()> {
        let manager = self.model.manager()?;
        let ModelConfig { mut base, training, .. } = manager.config().clone();
        if let Some(process) = &training.process {
            let problem = format!(
                "the process of {} is {}, in continuous time: it has no beta_t (ddpm sample --json prints the times of its steps)",
                manager.name(),
                process.name()
            );
            return Err(Error::Unsupported(problem));
        }
        base.compute.device = DeviceChoice::Cpu;
        let constants = ConstantsManager::new(&base, &training)?;
        let rows = (1..=constants.timesteps()).map(|t| (t, constants.beta(t), constants.alpha_cumulative(t)));
        if self.json {
            let rows = rows.map(|(t, beta, alpha_bar)| json!({ "t": t, "beta": beta, "alpha_bar": alpha_bar }));
            return say(json!(rows.collect::<Vec<_>>()));
        }
        let lines = rows.map(|(t, beta, alpha_bar)| format!("{t:>5}  {beta:<12.6e}  {alpha_bar:.6e}"));
        let heading = format!("{:>5}  {:<12}  alpha_bar", "t", "beta");
        say([heading].into_iter().chain(lines).collect::<Vec<_>>().join("\n"))
    }
}
