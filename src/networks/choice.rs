//! `NetworkConfig`: which network a model has.

use serde::{Deserialize, Serialize};
use tch::Device;

use super::{Fnn, FnnConfig, Network, Unet, UnetConfig};
use crate::datasets::Dataset;
use crate::error::{Error, Result};
use crate::precision::Precision;

/// Which network, with its configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkConfig {
    /// [`Fnn`](crate::networks::Fnn), for points.
    Fnn(FnnConfig),
    /// [`Unet`](crate::networks::Unet), for images.
    Unet(UnetConfig),
    /// A network of the reader's own that implements [`Network`](crate::networks::Network), known by its name.
    Own(String),
}

impl Default for NetworkConfig {
    fn default() -> Self {
        NetworkConfig::Fnn(FnnConfig::default())
    }
}

impl From<FnnConfig> for NetworkConfig {
    fn from(config: FnnConfig) -> Self {
        NetworkConfig::Fnn(config)
    }
}

impl From<&NetworkConfig> for NetworkConfig {
    fn from(config: &NetworkConfig) -> Self {
        config.clone()
    }
}

impl From<UnetConfig> for NetworkConfig {
    fn from(config: UnetConfig) -> Self {
        NetworkConfig::Unet(config)
    }
}

impl NetworkConfig {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot work.
    pub fn validate(&self) -> Result<()> {
        match self {
            NetworkConfig::Fnn(config) => config.validate(),
            NetworkConfig::Unet(config) => config.validate(),
            NetworkConfig::Own(_) => Ok(()),
        }
    }

    /// How many classes it can be conditioned on; 0 where it takes no labels.
    pub fn classes(&self) -> i64 {
        match self {
            NetworkConfig::Fnn(config) => config.classes,
            NetworkConfig::Unet(config) => config.classes,
            NetworkConfig::Own(_) => 0,
        }
    }

    /// The network, with fresh weights, drawn from libtorch's generator (see [`tch::manual_seed`]).
    ///
    /// # Errors
    /// [`Error::Config`] for sizes that cannot work; [`Error::Unsupported`] for [`NetworkConfig::Own`], which only its author can
    /// build.
    pub fn build(&self, precision: Precision, device: Device) -> Result<Box<dyn Network>> {
        match self {
            NetworkConfig::Fnn(config) => Ok(Box::new(Fnn::new(config, device)?)),
            NetworkConfig::Unet(config) => Ok(Box::new(Unet::new(config, precision, device)?)),
            NetworkConfig::Own(name) => Err(Error::Unsupported(format!(
                "{name:?} is a network of your own: build it in a notebook, then load its weights with load_checkpoint; \
                 the command line trains the built-in ones"
            ))),
        }
    }

    /// Refuses data that this network cannot take.
    pub(crate) fn check_fits(&self, dataset: &Dataset) -> Result<()> {
        match self {
            NetworkConfig::Fnn(config) => fnn_fits(config, dataset),
            NetworkConfig::Unet(config) => {
                let shape = dataset.shape();
                if shape == config.image_shape {
                    return Ok(());
                }
                if shape.len() != 3 {
                    let problem = format!("the U-Net takes images, [N, C, H, W]; {} has points", dataset.name());
                    return Err(Error::Unsupported(problem));
                }
                let expected = format!("{shape:?}, the shape of an image of {}", dataset.name());
                Err(Error::config("UnetConfig.image_shape", expected, format!("{:?}", config.image_shape)))
            }
            NetworkConfig::Own(_) => Ok(()),
        }
    }
}

fn fnn_fits(config: &FnnConfig, dataset: &Dataset) -> Result<()> {
    match dataset.shape()[..] {
        [width] if width == config.input_width => Ok(()),
        [width] => {
            let expected = format!("{width}, the coordinates of a point of {}", dataset.name());
            Err(Error::config("FnnConfig.input_width", expected, config.input_width))
        }
        ref shape => {
            let problem = format!("the FNN takes points, [N, D]; {} has samples of shape {shape:?}", dataset.name());
            Err(Error::Unsupported(problem))
        }
    }
}
