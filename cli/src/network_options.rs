//! The options of `ddpm train` for the network.

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};

use crate::common_options::set;

#[derive(Args)]
pub struct NetworkOptions {
    /// Show the network the class of each sample, of data that has classes: `ddpm sample --label` then asks for one
    #[arg(long)]
    conditional: bool,
    /// FNN: widths of the hidden layers, such as 128,128,128
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',')]
    hidden_widths: Option<Vec<i64>>,
    /// FNN: width of the time embedding
    #[arg(long, value_name = "WIDTH")]
    time_embedding: Option<i64>,
    /// U-Net: channels of its first level, a multiple of 8
    #[arg(long, value_name = "B")]
    base_channels: Option<i64>,
    /// U-Net: channels of each level in multiples of these, such as 1,2,4,4
    #[arg(long, value_name = "M", value_delimiter = ',')]
    channel_multipliers: Option<Vec<i64>>,
    /// U-Net: which levels have attention, such as false,true,true,false
    #[arg(long, value_name = "BOOLS", value_delimiter = ',')]
    attention: Option<Vec<bool>>,
    /// U-Net: residual blocks a level
    #[arg(long, value_name = "R")]
    residual_blocks: Option<usize>,
    /// U-Net: width of the time features in multiples of B
    #[arg(long, value_name = "M")]
    time_multiplier: Option<i64>,
    /// U-Net: share of channels that training drops
    #[arg(long, value_name = "SHARE")]
    dropout: Option<f64>,
}

impl NetworkOptions {
    /// Every option that was given takes the place of the setting.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for options of another network.
    pub fn apply(&self, network: &mut NetworkConfig) -> Result<()> {
        let of_fnn = self.hidden_widths.is_some() || self.time_embedding.is_some();
        let of_unet = self.base_channels.is_some()
            || self.channel_multipliers.is_some()
            || self.attention.is_some()
            || self.residual_blocks.is_some()
            || self.time_multiplier.is_some()
            || self.dropout.is_some();
        match network {
            NetworkConfig::Fnn(fnn) if !of_unet => {
                set(&mut fnn.hidden_widths, self.hidden_widths.clone());
                set(&mut fnn.time_embedding, self.time_embedding);
            }
            NetworkConfig::Unet(unet) if !of_fnn => {
                set(&mut unet.base_channels, self.base_channels);
                if let Some(multipliers) = &self.channel_multipliers {
                    // As many levels as were asked for, the lowest with attention, unless said otherwise.
                    unet.attention = (1..=multipliers.len()).map(|level| level == multipliers.len()).collect();
                }
                set(&mut unet.channel_multipliers, self.channel_multipliers.clone());
                set(&mut unet.attention, self.attention.clone());
                set(&mut unet.residual_blocks, self.residual_blocks);
                set(&mut unet.time_multiplier, self.time_multiplier);
                set(&mut unet.dropout, self.dropout);
            }
            _ if of_fnn || of_unet => {
                let of = if of_unet { "a U-Net, for images" } else { "an FNN, for points" };
                return Err(Error::Unsupported(format!(
                    "these options are of {of}; the network here is {}",
                    network.name()
                )));
            }
            _ => {}
        }
        Ok(())
    }
    /// With `--conditional`, makes the network of the configuration one that takes as many labels as its data has classes. `from`: the
    /// model whose weights the training starts from.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for data without classes, and for weights that do not know so many; those of listing a folder of images.
    pub fn condition(&self, config: &mut ModelConfig, from: Option<&str>) -> Result<()> {
        if !self.conditional {
            return Ok(());
        }
        let dataset = &config.base.dataset;
        let (there, takes) = (dataset.classes()?.len() as i64, config.network.classes());
        if there < 2 {
            return Err(Error::Unsupported(format!(
                "--conditional: expected data with at least 2 classes, got {}, which has {}; take images with classes (`ddpm list \
                 datasets`; of an image-folder each sub-folder is one), or leave --conditional out",
                dataset.name(),
                if there == 1 { "only one" } else { "none" }
            )));
        }
        match from {
            // It may know more classes, of which the data has some.
            _ if takes >= there => Ok(()),
            Some(other) => Err(Error::Unsupported(format!(
                "--conditional: the {there} classes of {} ask for a network that takes {there} labels or more, and that of {other}, \
                 whose weights are to be the first, takes {takes}; leave --conditional out, or --from",
                dataset.name()
            ))),
            None => config.network.set_classes(there),
        }
    }
}
