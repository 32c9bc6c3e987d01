//! What is compared: combinations of process, parameterization and objective, and everything that they share.

use std::path::{Path, PathBuf};

use ddpm_utils::files::read_text;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::config::InferType;
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::models::{ConfigFile, ModelConfig};
use crate::process::Process;
use crate::samplers::{Heun, SamplerConfig, SamplingConfig, StepLayoutConfig, Trailing};

/// The plans that come with the crate.
const BUILT_IN: [(&str, &str); 2] =
    [("swiss-roll", include_str!("swiss_roll.json")), ("painted-flowers", include_str!("painted_flowers.json"))];

/// The maximum size of a plan, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Combinations of process, parameterization and objective that are trained with the same budget. In JSON, as in
/// `src/comparison/swiss_roll.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonPlan {
    /// What all models share: any part of a configuration.
    config: Value,
    /// How many times each combination is trained, with the seeds 0, 1, …
    pub(super) seeds: u64,
    /// How many samples of each model are compared with data.
    pub(super) samples: i64,
    /// How many times samplers may call the network for each sample: `10`, `20`, …
    pub(super) calls: Vec<u64>,
    /// The samplers, by name.
    samplers: Vec<String>,
    /// The layouts of their steps, by name; each suits some processes better than others.
    layouts: Vec<String>,
    /// By name: the part of `training` in which the combination differs.
    pub(super) combinations: Map<String, Value>,
}

impl ComparisonPlan {
    /// A plan of the crate by its name, `swiss-roll` or `painted-flowers`, or one from a file.
    ///
    /// # Errors
    /// [`Error::Path`] if there is neither; [`Error::ConfigFile`] for a file that is not a plan.
    pub fn find(name: &str) -> Result<Self> {
        let (path, text) = match BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
            Some((_, text)) => (PathBuf::from(format!("plan {name}")), (*text).to_owned()),
            None => {
                (PathBuf::from(name), read_text(Path::new(name), MAX_BYTES).map_err(|error| no_plan(name, &error))?)
            }
        };
        let plan: Self = serde_json::from_str(&text)
            .map_err(|error| Error::ConfigFile { path: path.clone(), problem: error.to_string() })?;
        if plan.seeds < 1 || plan.samples < 1 || plan.combinations.is_empty() {
            let problem = "expected at least one seed, one sample and one combination".to_owned();
            return Err(Error::ConfigFile { path, problem });
        }
        Ok(plan)
    }

    /// Whether results of another plan may stand beside those of this one.
    pub(super) fn is_comparable(&self, other: &Self) -> bool {
        let measured = |of: &Self| (of.samples, of.calls.clone(), of.samplers.clone(), of.layouts.clone());
        self.config == other.config && measured(self) == measured(other)
    }

    /// The configuration of a combination, whose part of `training` is given.
    pub(super) fn config(&self, name: &str, training: &Value, seed: u64, device: DeviceChoice) -> Result<ModelConfig> {
        let shared = ConfigFile::from_json(Path::new("config of the plan"), &self.config)?;
        let dataset = shared.dataset().cloned().unwrap_or_default();
        let own = ConfigFile::from_json(Path::new(name), &json!({ "training": training }))?;
        let mut config = own.over(&shared.over(&ModelConfig::for_dataset(dataset, device)?)?)?;
        config.base.seed = seed;
        config.base.compute.device = device;
        let process = config.training.build_process()?;
        config.training.sampling.sampler = match config.training.objective.coupling() {
            // A flow with a coupling is no diffusion: fresh noise has no place in it.
            Some(_) => Heun { steps: Some(8), layout: Trailing.into() }.into(),
            None => SamplingConfig::for_process(&*process).sampler,
        };
        config.training.checkpoints.inference_type = InferType::None;
        config.validate()?;
        Ok(config)
    }

    /// The samplers to draw samples with, in the layouts that suit the process; with a coupling, those without fresh noise. Ancestral sampling takes every step of a process that has
    /// steps, whatever number of calls that is.
    pub(super) fn samplers(&self, config: &ModelConfig, process: &dyn Process) -> Result<Vec<SamplerConfig>> {
        let mut samplers = Vec::new();
        for name in &self.samplers {
            let sampler = SamplerConfig::from_name(name)?;
            if !sampler.fits_noise_of(process) || config.check_sampler(&sampler).is_err() {
                continue;
            }
            if let SamplerConfig::Ancestral(_) = sampler {
                samplers.extend(process.steps().map(|_| sampler));
                continue;
            }
            for calls in &self.calls {
                for layout in self.layouts_for(process) {
                    let sampler = sampler.with_setting("layout", json!({ "name": layout }))?;
                    // One that chooses its steps itself does so.
                    let steps = sampler.steps_within(process, *calls);
                    samplers.push(match steps {
                        Some(steps) => sampler.with_setting("steps", json!(steps))?,
                        None => sampler,
                    });
                }
            }
        }
        Ok(samplers)
    }

    /// The layouts that run on the process; equal steps if none of the plan's does.
    fn layouts_for(&self, process: &dyn Process) -> Vec<&str> {
        let runs =
            |name: &str| StepLayoutConfig::from_name(name).is_ok_and(|layout| layout.times(process, Some(2)).is_ok());
        let layouts: Vec<&str> = self.layouts.iter().map(String::as_str).filter(|name| runs(name)).collect();
        if layouts.is_empty() { vec!["trailing"] } else { layouts }
    }
}

fn no_plan(name: &str, error: &std::io::Error) -> Error {
    let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    let problem = format!("expected the name of a plan ({}) or a file: {error}", names.join(", "));
    Error::Path { path: name.into(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_of_the_plans_is_a_configuration_with_samplers() {
        for (name, _) in BUILT_IN {
            let plan = ComparisonPlan::find(name).unwrap();
            for (combination, training) in &plan.combinations {
                let config = plan.config(combination, training, 1, DeviceChoice::Cpu).unwrap();
                let process = config.training.process().build().process().unwrap();
                for sampler in plan.samplers(&config, &*process).unwrap() {
                    sampler.sampler().times(&*process).unwrap_or_else(|error| panic!("{name}, {combination}: {error}"));
                }
            }
        }
    }

    #[test]
    fn a_combination_with_a_coupling_is_sampled_from_without_fresh_noise() {
        let plan = ComparisonPlan::find("swiss-roll").unwrap();
        let training = json!({
            "process": "flow", "parameterization": "velocity",
            "objective": { "name": "flow-matching", "coupling": "optimal-transport" },
        });
        let config = plan.config("coupled", &training, 1, DeviceChoice::Cpu).unwrap();
        assert!(config.training.sampling.sampler.is_deterministic());
        let process = config.training.process().build().process().unwrap();
        let samplers = plan.samplers(&config, &*process).unwrap();
        assert!(!samplers.is_empty() && samplers.iter().all(SamplerConfig::is_deterministic), "{samplers:?}");
        let plain = json!({ "process": "flow", "parameterization": "velocity" });
        let config = plan.config("plain", &plain, 1, DeviceChoice::Cpu);
        let all = plan.samplers(&config.unwrap(), &*process).unwrap();
        assert!(all.len() > samplers.len(), "{all:?}");
    }
}
