//! `NetworkConfig`: what holds of every network's configuration.

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
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot work.
    pub fn validate(&self) -> Result<()> {
        self.settings().map_or(Ok(()), |settings| settings.validate())
    }

    /// How many classes it can be conditioned on; 0 where it takes no labels.
    pub fn classes(&self) -> i64 {
        self.settings().map_or(0, |settings| settings.classes())
    }

    /// The network, with fresh weights, drawn from libtorch's generator (see [`tch::manual_seed`]).
    ///
    /// # Errors
    /// [`Error::Config`] for sizes that cannot work; [`Error::Unsupported`] for [`NetworkConfig::Own`], which only its author can
    /// build.
    pub fn build(&self, precision: Precision, device: Device) -> Result<Box<dyn Network>> {
        let Some(settings) = self.settings() else {
            return Err(Error::Unsupported(format!(
                "{:?} is a network of your own: build it in a notebook, then load its weights with load_checkpoint; \
                 the command line trains the built-in ones",
                self.name()
            )));
        };
        settings.validate()?;
        settings.build(precision, device)
    }

    /// Makes it a network for samples of this shape.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for points where it takes images, or images where it takes points, with the networks that take them.
    pub fn fit(&mut self, sample_shape: &[i64]) -> Result<()> {
        let fits = self.settings_mut().is_none_or(|settings| settings.fit(sample_shape));
        if fits { Ok(()) } else { Err(self.takes_others(sample_shape, "this shape")) }
    }

    /// Refuses data that this network cannot take.
    pub(crate) fn check_fits(&self, dataset: &Dataset) -> Result<()> {
        let Some(settings) = self.settings() else { return Ok(()) };
        let (shape, (field, own)) = (dataset.shape(), settings.sample_shape());
        if shape == own {
            return Ok(());
        }
        if shape.len() != own.len() {
            return Err(self.takes_others(&shape, dataset.name()));
        }
        let expected = format!("{shape:?}, the shape of a sample of {}", dataset.name());
        Err(Error::config(field, expected, format!("{own:?}")))
    }

    fn takes_others(&self, sample_shape: &[i64], whose: &str) -> Error {
        let takes = |other: &mut Self| other.settings_mut().is_some_and(|settings| settings.fit(sample_shape));
        let fits = |name: &str| Self::from_name(name).is_ok_and(|mut other| takes(&mut other));
        let names = Self::ENTRIES.iter().map(|entry| entry.name);
        let others: Vec<&str> = names.filter(|name| *name != self.name() && fits(name)).collect();
        let kind = if sample_shape.len() == 1 { "points, [N, D]" } else { "images, [N, C, H, W]" };
        let problem = format!(
            "the network {} does not take the {kind}, of {whose}; these do: {}",
            self.name(),
            others.join(", ")
        );
        Error::Unsupported(problem)
    }
}
