//! `ModelConfig`: everything that a model is made from, in a file, and compared with another.

use std::path::Path;

use ddpm_utils::files::read_text;
use serde::{Deserialize, Serialize};
use tch::Device;

use crate::config::{BaseConfig, LONGEST, NetworkConfig, TrainingConfig, UnetConfig, require};
use crate::datasets::Dataset;
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::infer_type::InferType;

/// Everything that a model is made from: what `models/NAME/config.json` holds and `ddpm train --config` reads.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// The data, the seed, the device.
    pub base: BaseConfig,
    /// The network.
    pub network: NetworkConfig,
    /// The diffusion and the training.
    pub training: TrainingConfig,
}

impl ModelConfig {
    /// What to start from for a data set: the FNN for points; for images the U-Net, on a CPU the
    /// [small one](UnetConfig::small) with fewer timesteps, and all of the images.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a device that is not there.
    pub fn for_dataset(dataset: Dataset, device: DeviceChoice) -> Result<Self> {
        let [channels, height, width] = dataset.shape()[..] else {
            return Ok(Self { base: BaseConfig { dataset, device, ..Default::default() }, ..Default::default() });
        };
        // On a CPU also fewer steps: a thousand for every picture would take longer than the training.
        let (unet, timesteps) =
            if device.resolve()? == Device::Cpu { (UnetConfig::small(), 200) } else { (UnetConfig::default(), 1000) };
        Ok(Self {
            base: BaseConfig { dataset, device, dataset_size: BaseConfig::ALL, ..Default::default() },
            network: unet.for_images([channels, height, width]).into(),
            training: TrainingConfig { timesteps, ..TrainingConfig::for_images() },
        })
    }

    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot work.
    pub fn validate(&self) -> Result<()> {
        self.base.validate()?;
        self.network.validate()?;
        self.training.validate()?;
        let shape = self.base.dataset.shape();
        self.network.check_fits(&self.base.dataset)?;
        let (kind, points) = (self.training.inference_type, shape.len() == 1);
        let fits = match kind {
            InferType::Image => !points,
            InferType::Plot | InferType::PlotProcess => points,
            InferType::Gif | InferType::None => true,
        };
        let expected = "plot, plot-process, gif or none for points, image, gif or none for images";
        require(fits, "TrainingConfig.inference_type", expected, format!("{kind:?} for samples of shape {shape:?}"))
    }

    pub(crate) fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| Error::Unsupported(e.to_string()))?;
        Ok(text + "\n")
    }

    /// Reads and checks a JSON file. What the file leaves out keeps its default.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::ConfigFile`] for an unknown key or a wrong type,
    /// [`Error::Config`] for an impossible value.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_text(path, LONGEST).map_err(Error::io("read", path))?;
        let config: Self = serde_json::from_str(&text)
            .map_err(|error| Error::ConfigFile { path: path.to_owned(), problem: error.to_string() })?;
        config.validate()?;
        Ok(config)
    }
}

/// What the weights depend on and the two do not agree in.
pub(crate) fn differences(stored: &ModelConfig, asked: &ModelConfig) -> Result<Vec<String>> {
    const FREE: [&str; 10] = [
        "device",
        "precision",
        "path",
        "reverse_variance",
        "clip_denoised",
        "epochs",
        "learning_rate_from_epoch",
        "checkpoint_period",
        "sample_amount",
        "inference_type",
    ];
    let flat = |config: &ModelConfig| -> Result<_> {
        let value = serde_json::to_value(config).map_err(|e| Error::Unsupported(e.to_string()))?;
        let mut leaves = Vec::new();
        flatten("", &value, &mut leaves);
        Ok(leaves)
    };
    let (stored, asked) = (flat(stored)?, flat(asked)?);
    let value_in =
        |leaves: &[(String, String)], key: &str| leaves.iter().find(|leaf| leaf.0 == key).map(|leaf| leaf.1.clone());
    let told = |setting: &str, there: &str, here: &str| format!("{setting} is {there} there, {here} was asked for");
    let mut differences = Vec::new();
    // Settings of another data set or network are others too: that it is another one says all.
    let mut others = Vec::new();
    for (part, setting) in [(".base.dataset.", "dataset"), (".network.", "network")] {
        let (there, here) = (kind_of(&stored, part), kind_of(&asked, part));
        if there != here {
            differences.push(told(setting, &there, &here));
            others.push(part);
        }
    }
    let mut keys: Vec<&String> = stored.iter().chain(&asked).map(|leaf| &leaf.0).collect();
    keys.sort();
    keys.dedup();
    // Images of another size need a network of another size: the data says all.
    let is_of_data = |key: &str| key.ends_with(".image_shape") || key.ends_with(".input_width");
    let data_differs = stored.iter().any(|leaf| {
        let counts = !leaf.0.ends_with(".path") && leaf.0.starts_with(".base.dataset.");
        counts && value_in(&asked, &leaf.0).as_ref() != Some(&leaf.1)
    });
    let unset = |value: Option<String>| value.unwrap_or_else(|| "unset".to_owned());
    differences.extend(keys.into_iter().filter_map(|key| {
        let (there, here) = (value_in(&stored, key), value_in(&asked, key));
        let setting = key.rsplit('.').next().unwrap_or(key);
        let data_says_it = data_differs && is_of_data(key);
        let kind_says_it = others.iter().any(|part| key.starts_with(part));
        let counts = there != here && !FREE.contains(&setting) && !data_says_it && !kind_says_it;
        counts.then(|| told(setting, &unset(there), &unset(here)))
    }));
    Ok(differences)
}

/// The name of a data set, or of the kind of network.
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
    use crate::datasets::{PaintedFlowers, SwissRoll};

    #[test]
    fn another_data_set_is_told_in_one_piece_and_other_settings_one_by_one() {
        let points = ModelConfig::for_dataset(Dataset::SwissRoll(SwissRoll::default()), DeviceChoice::Cpu).unwrap();
        let images =
            ModelConfig::for_dataset(Dataset::PaintedFlowers(PaintedFlowers::default()), DeviceChoice::Cpu).unwrap();
        let told = differences(&points, &images).unwrap();
        assert_eq!(told[0], r#"dataset is "swiss-roll" there, "painted-flowers" was asked for"#);
        assert_eq!(told[1], "network is fnn there, unet was asked for");
        assert!(told[2..].iter().all(|one| !one.starts_with("size") && !one.starts_with("hidden_widths")), "{told:?}");
        assert!(told[2..].contains(&"timesteps is 40 there, 200 was asked for".to_owned()), "{told:?}");
        assert!(differences(&points, &points).unwrap().is_empty());

        let mut larger = images.clone();
        if let (Dataset::PaintedFlowers(set), NetworkConfig::Unet(unet)) =
            (&mut larger.base.dataset, &mut larger.network)
        {
            (set.size, unet.image_shape) = ([64, 64], [3, 64, 64]);
        }
        assert_eq!(differences(&images, &larger).unwrap(), ["size is [32,32] there, [64,64] was asked for"]);
    }
}
