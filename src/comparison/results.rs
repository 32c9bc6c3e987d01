//! `Comparison`: the results, in a file that grows by one row after each training.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ddpm_utils::atomic::write_atomic;
use ddpm_utils::files::read_text;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plan::ComparisonPlan;
use super::quality::Quality;
use crate::error::{Error, Result};
use crate::samplers::SamplerConfig;

/// The maximum size of a file with results, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// The results of a comparison, in JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    plan: ComparisonPlan,
    rows: Vec<ComparisonRow>,
}

/// One trained model.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonRow {
    pub combination: String,
    /// The part of `training` in which the combination differs.
    pub training: Value,
    pub seed: u64,
    /// How long the training took.
    pub seconds: f64,
    /// The loss of its last epoch; losses of different combinations cannot be compared. `None` if it diverged.
    pub loss: Option<f64>,
    pub quality: Vec<Quality>,
}

impl Comparison {
    /// Reads the results in a file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Path`] if it does not contain such results.
    pub fn read(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let text = read_text(file, MAX_BYTES).map_err(Error::io("read", file))?;
        serde_json::from_str(&text).map_err(|error| Error::Path {
            path: file.to_owned(),
            problem: format!("this does not contain a comparison: {error}"),
        })
    }

    /// The results in a file, or none yet.
    pub(super) fn resume(file: &Path, plan: ComparisonPlan) -> Result<Self> {
        if !file.exists() {
            return Ok(Self { plan, rows: Vec::new() });
        }
        let found = Self::read(file)?;
        if !found.plan.is_comparable(&plan) {
            let problem =
                "this contains results of a plan with another config, other samples or other steps; name another file";
            return Err(Error::Path { path: file.to_owned(), problem: problem.to_owned() });
        }
        Ok(Self { plan, rows: found.rows })
    }

    /// Whether this model has been trained.
    pub(super) fn contains(&self, combination: &str, training: &Value, seed: u64) -> bool {
        self.rows.iter().any(|row| row.is_of(combination, training) && row.seed == seed)
    }

    /// Adds a row, and writes the file.
    pub(super) fn add(&mut self, row: ComparisonRow, file: &Path) -> Result<()> {
        self.rows.push(row);
        let json = serde_json::to_string_pretty(self).map_err(|error| Error::Unsupported(error.to_string()))?;
        Ok(write_atomic(file, format!("{json}\n").as_bytes())?)
    }

    /// The names of the combinations.
    pub fn combinations(&self) -> Vec<&str> {
        self.plan.combinations.keys().map(String::as_str).collect()
    }

    /// The numbers of network calls that samplers may make, in ascending order: those of the plan, and those of samplers
    /// that take every step of a process.
    pub fn calls(&self) -> Vec<u64> {
        let most = self.plan.calls.iter().copied().max().unwrap_or(0);
        let made = self.rows.iter().flat_map(|row| &row.quality).map(|of| of.calls).filter(|calls| *calls > most);
        self.plan.calls.iter().copied().chain(made).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The best result of a combination with at most so many network calls: of all samplers and layouts, the one with
    /// the smallest mean distance. `None` if the combination diverged, or is unknown.
    pub fn best(&self, combination: &str, most_calls: u64) -> Option<MeanQuality> {
        let training = self.plan.combinations.get(combination)?;
        let rows = self.rows.iter().filter(|row| row.is_of(combination, training));
        let mut by_sampler: BTreeMap<String, Vec<&Quality>> = BTreeMap::new();
        for of in rows.flat_map(|row| &row.quality).filter(|of| of.calls <= most_calls) {
            by_sampler.entry(format!("{:?}", of.sampler)).or_default().push(of);
        }
        let means = by_sampler.values().filter_map(|runs| MeanQuality::of(runs));
        means.min_by(|a, b| a.distance.0.total_cmp(&b.distance.0))
    }

    /// The mean distance between two sets of fresh data.
    pub fn noise_floor(&self) -> Option<f64> {
        let floors = self.rows.iter().flat_map(|row| row.quality.iter().filter_map(|of| of.noise_floor));
        mean_and_spread(&floors.collect::<Vec<_>>()).map(|(mean, _)| mean)
    }
}

/// The quality of a combination's samples over the seeds, with one sampler.
#[derive(Debug, Clone)]
pub struct MeanQuality {
    /// The sampler with its settings.
    pub sampler: SamplerConfig,
    /// How many times it called the network for each sample.
    pub calls: u64,
    /// The distance of the samples to data: mean and standard deviation.
    pub distance: (f64, f64),
    /// Points on a curve: the mean of the distances to it that 95 % of the samples do not exceed.
    pub distance_to_curve: Option<f64>,
}

impl MeanQuality {
    /// `None` if the samples of a seed were not finite.
    fn of(runs: &[&Quality]) -> Option<Self> {
        let distances: Option<Vec<f64>> = runs.iter().map(|of| of.distance).collect();
        let to_curve: Option<Vec<f64>> = runs.iter().map(|of| of.distance_to_curve_p95).collect();
        Some(Self {
            sampler: runs.first()?.sampler.clone(),
            calls: runs.first()?.calls,
            distance: mean_and_spread(&distances?)?,
            distance_to_curve: to_curve.and_then(|values| mean_and_spread(&values)).map(|(mean, _)| mean),
        })
    }

    /// The sampler and its layout, by their names.
    pub fn sampler_name(&self) -> String {
        let settings = serde_json::to_value(&self.sampler).unwrap_or_default();
        let layout = settings.pointer("/layout/name").and_then(Value::as_str).map(|name| format!(", {name}"));
        format!("{}{}", self.sampler.name(), layout.unwrap_or_default())
    }
}

impl ComparisonRow {
    fn is_of(&self, combination: &str, training: &Value) -> bool {
        self.combination == combination && self.training == *training
    }
}

/// Mean and standard deviation; `None` for no values.
fn mean_and_spread(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = (n > 0.0).then(|| values.iter().sum::<f64>() / n)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (squares / (n - 1.0).max(1.0)).sqrt()))
}
