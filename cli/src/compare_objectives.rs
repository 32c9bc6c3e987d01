//! `ddpm compare-objectives`: trains combinations of process, parameterization and objective, and compares their samples.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::comparison::{ComparisonPlan, compare_objectives};
use ddpm_tutor::prelude::*;

use crate::say::{note, say};

/// Trains every combination of a plan with several seeds, and measures the samples by the number of network calls. Each
/// finished model adds a row to the file, and is not saved. If the command is interrupted, the same command resumes it
/// after the last row.
#[derive(Args)]
pub struct CompareObjectives {
    /// What to compare: swiss-roll, painted-flowers, or a file like src/comparison/swiss_roll.json
    #[arg(long, value_name = "NAME|FILE", default_value = "swiss-roll")]
    plan: String,
    /// The file (.json) for the results
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// auto, cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

impl CompareObjectives {
    pub fn run(self) -> Result<()> {
        let plan = ComparisonPlan::find(&self.plan)?;
        let results = compare_objectives(&plan, &self.out, self.device, &mut |model| note(model))?;
        say(results)
    }
}
