//! Reads configurations of earlier versions, with settings in other places.

use serde_json::{Map, Value, json};

/// The earlier and the current place of settings.
const MOVED: [(&[&str], &[&str]); 8] = [
    (&["base", "device"], &["base", "compute", "device"]),
    (&["base", "precision"], &["base", "compute", "precision"]),
    (&["training", "checkpoint_period"], &["training", "checkpoints", "period"]),
    (&["training", "sample_amount"], &["training", "checkpoints", "samples"]),
    (&["training", "inference_type"], &["training", "checkpoints", "inference_type"]),
    (&["training", "reverse_variance"], &["training", "sampling", "sampler", "variance"]),
    (&["training", "timestep_sampling"], &["training", "objective", "timesteps"]),
    (&["training", "clip_denoised"], &["training", "sampling", "clip_denoised"]),
];

/// Moves settings from their earlier places, and returns whether there were any. A setting in both places stays, and is
/// then rejected as unknown.
pub(super) fn migrate(settings: &mut Value) -> bool {
    let mut moved = false;
    for (from, to) in MOVED {
        if find(settings, to).is_some() || find(settings, from).is_none() {
            continue;
        }
        let Some(value) = take(settings, from) else { continue };
        moved |= put(settings, to, value);
        // There was only one sampler and one objective.
        match from {
            ["training", "reverse_variance"] => {
                moved |= put(settings, &["training", "sampling", "sampler", "name"], json!("ancestral"))
            }
            ["training", "timestep_sampling"] => {
                moved |= put(settings, &["training", "objective", "name"], json!("simple"))
            }
            _ => {}
        }
    }
    moved
}

fn find<'a>(settings: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(settings, |value, key| value.get(key))
}

fn take(settings: &mut Value, path: &[&str]) -> Option<Value> {
    let (last, folders) = path.split_last()?;
    folders.iter().try_fold(settings, |value, key| value.get_mut(key))?.as_object_mut()?.remove(*last)
}

/// Returns whether there was a place for it: a section may not be an object, which the parser then rejects.
fn put(settings: &mut Value, path: &[&str], new: Value) -> bool {
    let mut place = settings;
    for key in path {
        let Some(section) = place.as_object_mut() else { return false };
        place = section.entry(*key).or_insert_with(|| Value::Object(Map::new()));
    }
    *place = new;
    true
}

#[cfg(test)]
mod tests {
    use super::super::config::parse;
    use super::*;
    use crate::config::InferType;
    use crate::device::DeviceChoice;
    use crate::objectives::Simple;
    use crate::objectives::timesteps::PerceptionPrioritized;
    use crate::process::LinearSchedule;
    use crate::samplers::{Ancestral, ReverseVariance, SamplerConfig};

    #[test]
    fn an_old_configuration_is_read_as_what_it_meant() {
        let old = r#"{
            "base": {"device": "cuda:1", "precision": "bf16", "dataset": {"name": "moons", "noise": 0.1}, "seed": 3},
            "network": {"fnn": {"hidden_widths": [7]}},
            "training": {"timesteps": 30, "checkpoint_period": 2, "sample_amount": 9, "inference_type": "gif",
                         "reverse_variance": "posterior", "clip_denoised": true, "epochs": 4,
                         "schedule": "linear", "timestep_sampling": "perception-prioritized"}
        }"#;
        let (config, _) = parse(old).unwrap();
        assert_eq!((config.base.compute.device, config.base.seed), (DeviceChoice::Cuda(1), 3));
        assert_eq!((config.training.timesteps, config.training.epochs), (30, 4));
        let checkpoints = &config.training.checkpoints;
        assert_eq!((checkpoints.period, checkpoints.samples, checkpoints.inference_type), (2, 9, InferType::Gif));
        let posterior = SamplerConfig::Ancestral(Ancestral::with_variance(ReverseVariance::Posterior));
        assert_eq!((&config.training.sampling.sampler, config.training.sampling.clip_denoised), (&posterior, true));
        let prioritized = Simple { timesteps: PerceptionPrioritized.into() };
        assert_eq!(config.training.objective, prioritized.into());
        assert_eq!(config.training.schedule, LinearSchedule.into());
        // Current files are read without moving anything.
        let today = serde_json::to_string(&config).unwrap();
        assert_eq!(parse(&today).unwrap().0, config);
        assert!(!migrate(&mut serde_json::from_str(&today).unwrap()));
    }

    #[test]
    fn duplicate_and_unknown_settings_are_rejected() {
        let problem = |text: &str| parse(text).unwrap_err().to_string();
        let twice = r#"{"base": {"device": "cpu", "compute": {"device": "cpu"}}}"#;
        assert!(problem(twice).contains("unknown field `device`"), "{}", problem(twice));
        let slip = r#"{"training": {"checkpoint_period": 2, "epoch": 4}}"#;
        assert!(problem(slip).contains("unknown field `epoch`"), "{}", problem(slip));
        let wrong = r#"{"training": {"checkpoints": 5, "sample_amount": 4}}"#;
        assert!(problem(wrong).contains('5') || problem(wrong).contains("sample_amount"), "{}", problem(wrong));
    }
}
