//! `FnnConfig`, and which network a model has.

use serde::{Deserialize, Serialize};

use crate::config::{UnetConfig, require};
use crate::datasets::Dataset;
use crate::error::{Error, Result};

/// The small network for points: linear layers with ReLU between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FnnConfig {
    /// `D`, the coordinates of a point.
    pub input_width: i64,
    /// Width of the time embedding; even, at least 4.
    pub time_embedding: i64,
    /// Widths of the hidden layers, in order.
    pub hidden_widths: Vec<i64>,
}

impl Default for FnnConfig {
    fn default() -> Self {
        Self { input_width: 2, time_embedding: 16, hidden_widths: vec![128, 128, 128] }
    }
}

impl FnnConfig {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot work.
    pub fn validate(&self) -> Result<()> {
        const WIDEST: i64 = 1 << 16;
        require((1..=WIDEST).contains(&self.input_width), "FnnConfig.input_width", "1 to 65536", self.input_width)?;
        let even = self.time_embedding % 2 == 0 && (4..=WIDEST).contains(&self.time_embedding);
        require(even, "FnnConfig.time_embedding", "an even number from 4 to 65536", self.time_embedding)?;
        let widths = &self.hidden_widths;
        let possible = !widths.is_empty() && widths.len() <= 64 && widths.iter().all(|w| (1..=WIDEST).contains(w));
        require(possible, "FnnConfig.hidden_widths", "1 to 64 widths, each 1 to 65536", format!("{widths:?}"))
    }
}

impl FnnConfig {
    fn check_fits(&self, dataset: &Dataset) -> Result<()> {
        match dataset.shape()[..] {
            [width] if width == self.input_width => Ok(()),
            [width] => {
                let expected = format!("{width}, the coordinates of a point of {}", dataset.name());
                Err(Error::config("FnnConfig.input_width", expected, self.input_width))
            }
            ref shape => {
                let problem =
                    format!("the FNN takes points, [N, D]; {} has samples of shape {shape:?}", dataset.name());
                Err(Error::Unsupported(problem))
            }
        }
    }
}

/// Which network, with its configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkConfig {
    /// [`Fnn`](crate::networks::Fnn), for points.
    Fnn(FnnConfig),
    /// [`Unet`](crate::networks::Unet), for images.
    Unet(UnetConfig),
    /// A network of the reader's own that implements [`Denoiser`](crate::networks::Denoiser), known by its name.
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

    /// Refuses data that this network cannot take.
    pub(crate) fn check_fits(&self, dataset: &Dataset) -> Result<()> {
        match self {
            NetworkConfig::Fnn(config) => config.check_fits(dataset),
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
