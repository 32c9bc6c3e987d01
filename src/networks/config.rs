//! `NetworkConfig`: what the configurations of all networks have in common.

use tch::Device;

use super::{FnnConfig, Network, NetworkConfig};
use crate::datasets::Dataset;
use crate::error::{Error, Result};
use crate::precision::Precision;

impl Default for NetworkConfig {
    fn default() -> Self {
        FnnConfig::default().into()
    }
}

impl From<&NetworkConfig> for NetworkConfig {
    fn from(config: &NetworkConfig) -> Self {
        config.clone()
    }
}

impl NetworkConfig {
    /// Rejects invalid values.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first invalid field.
    pub fn validate(&self) -> Result<()> {
        self.settings().map_or(Ok(()), |settings| settings.validate())
    }

    /// The number of classes that it can be conditioned on; 0 if it takes no labels.
    pub fn classes(&self) -> i64 {
        self.settings().map_or(0, |settings| settings.classes())
    }

    /// Sets the number of classes that it can be conditioned on; 0 for no labels.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a network that cannot take labels.
    pub fn set_classes(&mut self, classes: i64) -> Result<()> {
        let set = || {
            let mut config = serde_json::to_value(&*self).ok()?;
            config.get_mut(self.name())?.as_object_mut()?.insert("classes".to_owned(), classes.into());
            // A configuration without this field rejects it.
            serde_json::from_value(config).ok()
        };
        let problem = || Error::Unsupported(format!("the network {} cannot take labels", self.name()));
        *self = set().ok_or_else(problem)?;
        Ok(())
    }

    /// Builds the network with fresh weights from libtorch's generator (see [`tch::manual_seed`]). Its output has `outputs`
    /// numbers for each number of `x_t`, as the parameterization requires.
    ///
    /// # Errors
    /// [`Error::Config`] for invalid sizes; [`Error::Unsupported`] for [`NetworkConfig::Own`], which only its author
    /// can build.
    pub fn build(&self, outputs: i64, precision: Precision, device: Device) -> Result<Box<dyn Network>> {
        let Some(settings) = self.settings() else {
            return Err(Error::Unsupported(format!(
                "{:?} is your own network: build it in a notebook, then load its weights with load_checkpoint; \
                 the command line trains the built-in ones",
                self.name()
            )));
        };
        settings.validate()?;
        settings.build(outputs, precision, device)
    }

    /// Adapts it to samples of this shape.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for points if it takes images, or images if it takes points; the error lists the networks
    /// that fit.
    pub fn fit(&mut self, sample_shape: &[i64]) -> Result<()> {
        let fits = self.settings_mut().is_none_or(|settings| settings.fit(sample_shape));
        if fits { Ok(()) } else { Err(self.unsuitable(sample_shape, "this shape")) }
    }

    /// Rejects data that does not fit this network.
    pub(crate) fn check_fits(&self, dataset: &Dataset) -> Result<()> {
        let Some(settings) = self.settings() else { return Ok(()) };
        let (shape, (field, own)) = (dataset.shape(), settings.sample_shape());
        if shape == own {
            return Ok(());
        }
        if shape.len() != own.len() {
            return Err(self.unsuitable(&shape, dataset.name()));
        }
        let expected = format!("{shape:?}, the shape of a sample of {}", dataset.name());
        Err(Error::config(field, expected, format!("{own:?}")))
    }

    fn unsuitable(&self, sample_shape: &[i64], whose: &str) -> Error {
        let takes = |other: &mut Self| other.settings_mut().is_some_and(|settings| settings.fit(sample_shape));
        let fits = |name: &str| Self::from_name(name).is_ok_and(|mut other| takes(&mut other));
        let names = Self::ENTRIES.iter().map(|entry| entry.name);
        let others: Vec<&str> = names.filter(|name| *name != self.name() && fits(name)).collect();
        let kind = if sample_shape.len() == 1 { "points, [N, D]" } else { "images, [N, C, H, W]" };
        let problem = format!(
            "the network {} does not take {kind}, the samples of {whose}; these networks do: {}",
            self.name(),
            others.join(", ")
        );
        Error::Unsupported(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_can_be_given_classes_except_the_readers_own() {
        for entry in NetworkConfig::ENTRIES {
            let default = NetworkConfig::from_name(entry.name).unwrap();
            let mut config = default.clone();
            config.set_classes(7).unwrap();
            assert_eq!((config.classes(), config.name()), (7, entry.name));
            config.set_classes(0).unwrap();
            assert_eq!(config, default);
        }
        let message = NetworkConfig::Own("mine".to_owned()).set_classes(2).unwrap_err().to_string();
        assert!(message.contains("mine cannot take labels"), "{message}");
    }
}
