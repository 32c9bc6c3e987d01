//! `ConfigFile`: a file with any part of a configuration, to be applied over another configuration.

use std::path::{Path, PathBuf};

use ddpm_utils::files::read_text;
use serde_json::Value;

use super::config::{MAX_BYTES, ModelConfig, parse};
use crate::datasets::Dataset;
use crate::device::DeviceChoice;
use crate::error::{Error, Result};

/// A JSON file like that of [`ModelConfig`], from which any settings may be missing.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    path: PathBuf,
    settings: Value,
    dataset: Dataset,
    device: DeviceChoice,
}

impl ConfigFile {
    /// Reads a file. Values are checked when they are [applied](ConfigFile::over) to a configuration.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::ConfigFile`] for an unknown key or a wrong type.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(path, &read_text(path, MAX_BYTES).map_err(Error::io("read", path))?)
    }

    /// As [`ConfigFile::read`], of JSON that is part of something else. `path`: what errors name it.
    ///
    /// # Errors
    /// [`Error::ConfigFile`] for an unknown key or a wrong type.
    pub fn from_json(path: &Path, settings: &Value) -> Result<Self> {
        Self::parse(path, &settings.to_string())
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let problem =
            |error: serde_json::Error| Error::ConfigFile { path: path.to_owned(), problem: error.to_string() };
        let (whole, settings) = parse(text).map_err(problem)?;
        if !settings.is_object() {
            let problem = "expected an object with base, network or training".to_owned();
            return Err(Error::ConfigFile { path: path.to_owned(), problem });
        }
        Ok(Self { path: path.to_owned(), settings, dataset: whole.base.dataset, device: whole.base.compute.device })
    }

    /// Whether the file contains a setting: `/training/warmup_steps`.
    pub fn gives(&self, setting: &str) -> bool {
        self.settings.pointer(setting).is_some()
    }

    /// The data set, if the file names one.
    pub fn dataset(&self) -> Option<&Dataset> {
        self.gives("/base/dataset").then_some(&self.dataset)
    }

    /// The device, if the file names one.
    pub fn device(&self) -> Option<DeviceChoice> {
        self.gives("/base/compute/device").then_some(self.device)
    }

    /// The given configuration, overridden by the file's settings. If the file names another data set or network, that
    /// has its own defaults.
    ///
    /// # Errors
    /// [`Error::ConfigFile`] if the result is not a configuration.
    pub fn over(&self, config: &ModelConfig) -> Result<ModelConfig> {
        let problem =
            |error: serde_json::Error| Error::ConfigFile { path: self.path.clone(), problem: error.to_string() };
        let mut merged = serde_json::to_value(config).map_err(problem)?;
        merge(&mut merged, &self.settings);
        let levels = self.settings.pointer("/network/unet/channel_multipliers").and_then(Value::as_array).map(Vec::len);
        if let (Some(levels), Some(unet)) = (levels, merged.pointer_mut("/network/unet"))
            && !self.gives("/network/unet/attention")
        {
            // One level per multiplier, with attention at the lowest.
            unet["attention"] = (1..=levels).map(|level| level == levels).collect();
        }
        let mut merged: ModelConfig = serde_json::from_value(merged).map_err(problem)?;
        // Files do not contain it.
        merged.base.models_dir = config.base.models_dir.clone();
        Ok(merged)
    }
}

/// Overrides settings, object by object. A data set or network of another kind is replaced completely.
fn merge(into: &mut Value, from: &Value) {
    let (Value::Object(there), Value::Object(given)) = (&mut *into, from) else {
        *into = from.clone();
        return;
    };
    // The kind of a data set is its name, that of a network its only key.
    let is_network = |keys: &serde_json::Map<String, Value>| keys.contains_key("fnn") || keys.contains_key("unet");
    let is_other = match (there.get("name"), given.get("name")) {
        (Some(there), Some(given)) => there != given,
        _ => (is_network(there) || is_network(given)) && given.keys().any(|kind| !there.contains_key(kind)),
    };
    if is_other {
        *into = from.clone();
        return;
    }
    for (key, value) in given {
        merge(there.entry(key.clone()).or_insert(Value::Null), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::NetworkConfig;

    fn over(text: &str, dataset: &str) -> Result<ModelConfig> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        std::fs::write(&path, text).unwrap();
        let file = ConfigFile::read(&path)?;
        let dataset = file.dataset().cloned().map_or_else(|| Dataset::from_name(dataset), Ok)?;
        file.over(&ModelConfig::for_dataset(dataset, DeviceChoice::Cpu)?)
    }

    #[test]
    fn missing_settings_have_the_defaults_for_the_data() {
        for name in ["moons", "painted-flowers", "mnist"] {
            let default = ModelConfig::for_dataset(Dataset::from_name(name).unwrap(), DeviceChoice::Cpu).unwrap();
            let mut expected = default.clone();
            expected.training.learning_rate = 3e-4;
            assert_eq!(over(r#"{"training": {"learning_rate": 3e-4}}"#, name).unwrap(), expected);
            let named = format!(r#"{{"base": {{"dataset": {{"name": "{name}"}}, "device": "cpu"}}}}"#);
            assert_eq!(over(&named, "spiral").unwrap(), default);
            assert_eq!(over("{}", name).unwrap(), default);
            // A complete file overrides everything.
            let whole = serde_json::to_string(&expected).unwrap();
            assert_eq!(over(&whole, "circles").unwrap(), expected);
        }
    }

    #[test]
    fn another_network_has_its_own_defaults_and_levels_bring_their_attention() {
        let NetworkConfig::Unet(unet) =
            over(r#"{"network": {"unet": {"channel_multipliers": [1, 2]}}}"#, "mnist").unwrap().network
        else {
            panic!("not the network in the file")
        };
        assert_eq!((unet.attention, unet.image_shape, unet.base_channels), (vec![false, true], [1, 28, 28], 32));
        let fnn = over(r#"{"network": {"fnn": {}}}"#, "mnist").unwrap();
        assert_eq!(fnn.network, NetworkConfig::default());
        let own = over(r#"{"network": {"own": "mine"}}"#, "mnist").unwrap();
        assert_eq!(own.network, NetworkConfig::Own("mine".to_owned()));
        for (text, word) in [(r#"{"trainig": {}}"#, "trainig"), ("[1]", "invalid"), ("{", "line 1"), ("[]", "")] {
            let message = over(text, "moons").unwrap_err().to_string();
            assert!(message.contains(word) && message.contains("c.json"), "{message}");
        }
    }
}
