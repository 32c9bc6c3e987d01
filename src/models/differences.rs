//! The differences between two configurations of a model.

use super::config::ModelConfig;
use crate::error::{Error, Result};

/// The configuration `of` with the free settings of another one, on which the weights do not depend: the device, the
/// folder of the data, the checkpoints, the sampling; and the number of epochs, which may grow.
fn with_free_settings_of(of: &ModelConfig, other: &ModelConfig) -> ModelConfig {
    let (mut config, mut other) = (of.clone(), other.clone());
    config.base.compute = other.base.compute;
    if let (Some(path), Some(other)) = (config.base.dataset.path_mut(), other.base.dataset.path_mut()) {
        path.clone_from(other);
    }
    let (training, other) = (&mut config.training, other.training);
    (training.checkpoints, training.sampling) = (other.checkpoints, other.sampling);
    (training.epochs, training.learning_rate_from_epoch) = (other.epochs, other.learning_rate_from_epoch);
    config
}

/// The differences in settings that the weights depend on: all but the free ones.
pub(super) fn differences(stored: &ModelConfig, requested: &ModelConfig) -> Result<Vec<String>> {
    let flat = |config: &ModelConfig| -> Result<_> {
        let value = serde_json::to_value(config).map_err(|e| Error::Unsupported(e.to_string()))?;
        let mut leaves = Vec::new();
        flatten("", &value, &mut leaves);
        Ok(leaves)
    };
    let (stored, requested) = (flat(&with_free_settings_of(stored, requested))?, flat(requested)?);
    let value_in =
        |leaves: &[(String, String)], key: &str| leaves.iter().find(|leaf| leaf.0 == key).map(|leaf| leaf.1.clone());
    let shown = |value: &str| if value.is_empty() { "unset".to_owned() } else { value.to_owned() };
    let describe =
        |setting: &str, there: &str, here: &str| format!("{setting} is {}, not {}", shown(there), shown(here));
    let mut differences = Vec::new();
    let mut keys: Vec<&String> = stored.iter().chain(&requested).map(|leaf| &leaf.0).collect();
    keys.sort();
    keys.dedup();
    // If the data set, network or catalogue entry differs, report only that, not its settings.
    let mut others = Vec::new();
    let named = keys.iter().filter_map(|key| key.strip_suffix("name"));
    for part in named.chain([".network."]) {
        let (there, here) = (kind_of(&stored, part), kind_of(&requested, part));
        if there != here {
            let setting = part.trim_end_matches('.').rsplit('.').next().unwrap_or(part);
            differences.push(describe(setting, &there, &here));
            others.push(part);
        }
    }
    // Images of another size need another network size: report only the data.
    let is_of_data = |key: &str| key.ends_with(".image_shape") || key.ends_with(".input_width");
    let of_data = |leaf: &&(String, String)| leaf.0.starts_with(".base.dataset.");
    let data_differs =
        stored.iter().filter(of_data).any(|leaf| value_in(&requested, &leaf.0).as_ref() != Some(&leaf.1));
    let unset = |value: Option<String>| value.unwrap_or_else(|| "unset".to_owned());
    differences.extend(keys.into_iter().filter_map(|key| {
        let (there, here) = (value_in(&stored, key), value_in(&requested, key));
        let setting = key.rsplit('.').next().unwrap_or(key);
        let data_says_it = data_differs && is_of_data(key);
        let kind_says_it = others.iter().any(|part| key.starts_with(part));
        let counts = there != here && !data_says_it && !kind_says_it;
        counts.then(|| describe(setting, &unset(there), &unset(here)))
    }));
    Ok(differences)
}

/// The name of a data set, a catalogue entry, or a network.
fn kind_of(leaves: &[(String, String)], part: &str) -> String {
    let mut of_part = leaves.iter().filter_map(|(key, value)| Some((key.strip_prefix(part)?, value)));
    let named = of_part.clone().find(|(key, _)| *key == "name").map(|(_, value)| value.clone());
    named.or_else(|| of_part.find_map(|(key, _)| key.split('.').next().map(str::to_owned))).unwrap_or_default()
}

fn flatten(path: &str, value: &serde_json::Value, leaves: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(entries) => {
            for (key, value) in entries {
                flatten(&format!("{path}.{key}"), value, leaves);
            }
        }
        leaf => leaves.push((path.to_owned(), leaf.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Dataset, PaintedFlowers, SwissRoll};
    use crate::device::DeviceChoice;
    use crate::networks::NetworkConfig;
    use crate::process::EdmNoise;

    #[test]
    fn another_data_set_is_one_difference_and_other_settings_are_listed_one_by_one() {
        let points = ModelConfig::for_dataset(Dataset::SwissRoll(SwissRoll::default()), DeviceChoice::Cpu).unwrap();
        let images =
            ModelConfig::for_dataset(Dataset::PaintedFlowers(PaintedFlowers::default()), DeviceChoice::Cpu).unwrap();
        let found = differences(&points, &images).unwrap();
        assert_eq!(found[0], r#"dataset is "swiss-roll", not "painted-flowers""#);
        assert_eq!(found[1], "network is fnn, not unet");
        assert!(
            found[2..].iter().all(|one| !one.starts_with("size") && !one.starts_with("hidden_widths")),
            "{found:?}"
        );
        assert!(found[2..].contains(&"timesteps is 40, not 200".to_owned()), "{found:?}");
        assert!(differences(&points, &points).unwrap().is_empty());

        let mut other = points.clone();
        other.training.process = Some(EdmNoise::default().into());
        assert_eq!(differences(&points, &other).unwrap(), [r#"process is unset, not "edm""#]);

        let mut larger = images.clone();
        if let (Dataset::PaintedFlowers(set), NetworkConfig::Unet(unet)) =
            (&mut larger.base.dataset, &mut larger.network)
        {
            (set.size, unet.image_shape) = ([64, 64], [3, 64, 64]);
        }
        assert_eq!(differences(&images, &larger).unwrap(), ["size is [32,32], not [64,64]"]);
    }
}
