//! `SamplerLadder`: one model, all samplers, by the number of network calls.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Instant;

use serde_json::{Value, json};

use super::quality::{Quality, Reference, measure};
use crate::error::{Result, require};
use crate::model::Model;
use crate::models::ModelConfig;
use crate::process::Process;
use crate::samplers::{SamplerConfig, SamplingConfig};

/// How good the samples of a model are, and how long they take, by sampler and number of network calls.
#[derive(Debug)]
pub struct SamplerLadder {
    /// The most network calls for each sample, in ascending order; at the end those of the model's own sampler and of one that chooses
    /// its steps, if they are more.
    pub calls: Vec<u64>,
    /// Those that were asked for.
    requested: Vec<u64>,
    /// One for each sampler and number of calls.
    pub rows: Vec<LadderRow>,
}

/// One sampler with one number of steps.
#[derive(Debug)]
pub struct LadderRow {
    /// How many steps it takes.
    pub steps: usize,
    /// How long drawing the samples took.
    pub seconds: f64,
    /// How close they are to data.
    pub quality: Quality,
}

impl SamplerLadder {
    /// Draws `samples` samples with every sampler that runs on the process, with at most so many network calls for each sample. The
    /// steps have the layout of the model's own sampler, which is measured with its own number of steps, too. `observer` receives the name
    /// and the steps of each sampler before it starts.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for 0 calls; those of the data, of sampling and of the metric.
    pub fn measure(
        model: &Model,
        process: &dyn Process,
        config: &ModelConfig,
        calls: &[u64],
        samples: i64,
        seed: u64,
        observer: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        if let Some(none) = calls.iter().find(|calls| **calls < 1) {
            require(false, "network calls", "at least 1", *none)?;
        }
        let layout = layout_of(&model.sampling().sampler)
            .or_else(|| layout_of(&SamplingConfig::for_process(process).sampler))
            .unwrap_or_else(|| json!({ "name": "trailing" }));
        let reference = Reference::of(config, samples)?;
        // All are built and checked before the first is measured.
        let own = model.sampling().sampler.clone();
        let own_steps = own.sampler().times(process)?.len() - 1;
        let mut all = Vec::new();
        for entry in SamplerConfig::ENTRIES {
            let base = if entry.name == own.name() { own.clone() } else { SamplerConfig::from_name(entry.name)? };
            if !base.fits_noise_of(process) {
                continue;
            }
            for sampler in samplers(&base, process, calls, &layout)? {
                let steps = sampler.sampler().times(process)?.len() - 1;
                all.push((sampler, steps));
            }
            if own.name() == entry.name
                && all.iter().all(|(sampler, steps)| sampler.name() != own.name() || *steps != own_steps)
            {
                all.push((own.clone(), own_steps));
            }
        }
        let mut rows = Vec::new();
        for (sampler, steps) in all {
            observer(&format!("{}, {steps} steps", sampler.name()));
            let started = Instant::now();
            let mut seconds = 0.0;
            let mut drawn = || seconds = started.elapsed().as_secs_f64();
            let quality = measure(&sampler, model, process, samples, &reference, seed, &mut drawn)?;
            rows.push(LadderRow { steps, seconds, quality });
        }
        let made = rows.iter().map(|row| row.quality.calls).filter(|made| calls.iter().all(|most| most < made));
        let columns = calls.iter().copied().chain(made).collect::<BTreeSet<_>>().into_iter().collect();
        Ok(Self { calls: columns, requested: calls.to_vec(), rows })
    }

    /// The names of the samplers.
    pub fn samplers(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = self.rows.iter().map(|row| row.quality.sampler.name()).collect();
        names.dedup();
        names
    }

    /// The row of a sampler with the most calls up to this number, if it was measured with so many.
    pub fn row(&self, sampler: &str, most_calls: u64) -> Option<&LadderRow> {
        let least = if self.requested.contains(&most_calls) { 1 } else { most_calls };
        let fitting = |row: &&LadderRow| {
            row.quality.sampler.name() == sampler && (least..=most_calls).contains(&row.quality.calls)
        };
        self.rows.iter().filter(fitting).max_by_key(|row| row.quality.calls)
    }

    /// The mean of the logarithms of a sampler's distances, which orders samplers; infinite if its samples were not finite with some number
    /// of calls.
    pub fn mean_log_distance(&self, sampler: &str) -> f64 {
        let rows: Vec<&LadderRow> = self.rows.iter().filter(|row| row.quality.sampler.name() == sampler).collect();
        let logarithms = rows.iter().map(|row| row.quality.distance.map_or(f64::INFINITY, f64::ln));
        logarithms.sum::<f64>() / rows.len() as f64
    }

    /// The distance between two sets of data.
    pub fn noise_floor(&self) -> Option<f64> {
        self.rows.iter().find_map(|row| row.quality.noise_floor)
    }
}

/// A sampler with as many steps as so many calls allow; at most once for each number of steps.
fn samplers(
    sampler: &SamplerConfig,
    process: &dyn Process,
    calls: &[u64],
    layout: &Value,
) -> Result<Vec<SamplerConfig>> {
    // One that chooses its steps itself does so.
    if sampler.network_calls().is_none() {
        return Ok(vec![sampler.clone()]);
    }
    let sampler = sampler.with_setting("layout", layout.clone())?;
    let steps: BTreeSet<u64> = calls.iter().filter_map(|calls| sampler.steps_within(process, *calls)).collect();
    steps.into_iter().map(|steps| sampler.with_setting("steps", json!(steps))).collect()
}

fn layout_of(sampler: &SamplerConfig) -> Option<Value> {
    serde_json::to_value(sampler).ok()?.get("layout").cloned()
}

/// A line for each sampler and a column for each number of calls: the distance of the samples to data, for points on a curve the distance to it
/// that 95 % of the samples do not exceed, and the seconds.
impl fmt::Display for SamplerLadder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |row: Option<&LadderRow>| {
            let Some(row) = row else { return "-".to_owned() };
            let Some(distance) = row.quality.distance else { return "not finite".to_owned() };
            let digits = if distance < 1.0 { 4 } else { 2 };
            let to_curve = row.quality.distance_to_curve_p95.map(|to| format!(" ({to:.3})")).unwrap_or_default();
            format!("{distance:.digits$}{to_curve} {:.2} s", row.seconds)
        };
        let heading = self.calls.iter().map(|calls| format!("{calls} calls"));
        let mut lines: Vec<Vec<String>> = vec![["sampler".to_owned()].into_iter().chain(heading).collect()];
        for name in self.samplers() {
            let cells = self.calls.iter().map(|calls| cell(self.row(name, *calls)));
            lines.push([name.to_owned()].into_iter().chain(cells).collect());
        }
        let width = |column: usize| lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
        for cells in &lines {
            let cells = cells.iter().enumerate().map(|(column, cell)| format!("{cell:0$}", width(column)));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        write!(f, "noise floor: {:.4}", self.noise_floor().unwrap_or(f64::NAN))
    }
}
