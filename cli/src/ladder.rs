//! `ddpm evaluate --ladder`: every sampler on one model, by the number of network calls.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;
use serde_json::json;

use crate::say::{note, say};

#[derive(Args)]
pub struct LadderOptions {
    /// Compare all samplers by the number of network calls: quality and seconds; with FILE (.svg), also as a picture
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, conflicts_with_all = ["label", "guidance", "sampler", "steps", "eta", "power", "rtol", "settings", "variance", "repeats", "curve"])]
    ladder: Option<Option<PathBuf>>,
    /// With --ladder: the most network calls for each sample
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "5,10,20,40", requires = "ladder")]
    calls: Vec<u64>,
}

impl LadderOptions {
    pub fn is_given(&self) -> bool {
        self.ladder.is_some()
    }

    pub fn run(
        &self,
        config: &ModelConfig,
        model: &Model,
        process: &dyn Process,
        [n, seed]: [u64; 2],
        json: bool,
    ) -> Result<()> {
        let observer = &mut |next: &str| note(next);
        let mut ladder = SamplerLadder::measure(model, process, config, &self.calls, n as i64, seed, observer)?;
        leave_out_samplers_without_meaning(&mut ladder, config, &self.calls);
        if let Some(Some(file)) = &self.ladder {
            visualize_ladder(&ladder)?.save(file)?;
        }
        if !json {
            return say(ladder);
        }
        let distance = if config.base.dataset.is_images() { "frechet_distance" } else { "sliced_wasserstein" };
        let rows = ladder.rows.iter().map(|row| {
            json!({
                "sampler": row.quality.sampler.name(), "steps": row.steps, "network_calls": row.quality.calls,
                distance: row.quality.distance, "noise_floor": row.quality.noise_floor,
                "distance_to_curve_p95": row.quality.distance_to_curve_p95, "seconds": row.seconds,
            })
        });
        say(json!(rows.collect::<Vec<_>>()))
    }
}

/// A flow with a coupling is no diffusion: what samplers with fresh noise draw from it is not the data.
fn leave_out_samplers_without_meaning(ladder: &mut SamplerLadder, config: &ModelConfig, requested: &[u64]) {
    ladder.rows.retain(|row| config.check_sampler(&row.quality.sampler).is_ok());
    let rows = &ladder.rows;
    ladder.calls.retain(|calls| requested.contains(calls) || rows.iter().any(|row| row.quality.calls == *calls));
}
