//! The options of `ddpm train` for the network.

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};

use crate::common_options::set;

#[derive(Args)]
pub struct NetworkOptions {
    /// Train the network on the class of each sample too, so that `ddpm sample --label` can ask for a class; the data
    /// needs classes
    #[arg(long)]
    conditional: bool,
    /// With --conditional: the share of samples that the network sees without their class, so that it can also draw any class, and be
    /// guided (`ddpm sample --guidance`); usually 0.1 to 0.2, by default 0.1
    #[arg(long, value_name = "SHARE", requires = "conditional")]
    drop_condition: Option<f64>,
    /// FNN: widths of the hidden layers, such as 128,128,128
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',')]
    hidden_widths: Option<Vec<i64>>,
    /// FNN: width of the time embedding
    #[arg(long, value_name = "WIDTH")]
    time_embedding: Option<i64>,
    /// U-Net: channels of the first level, B; a multiple of 8
    #[arg(long, value_name = "B")]
    base_channels: Option<i64>,
    /// U-Net: channels of each level in multiples of B, such as 1,2,4,4
    #[arg(long, value_name = "M", value_delimiter = ',')]
    channel_multipliers: Option<Vec<i64>>,
    /// U-Net: which levels have attention, such as false,true,true,false
    #[arg(long, value_name = "BOOLS", value_delimiter = ',')]
    attention: Option<Vec<bool>>,
    /// U-Net: residual blocks per level
    #[arg(long, value_name = "R")]
    residual_blocks: Option<usize>,
    /// U-Net: width of the time features in multiples of B
    #[arg(long, value_name = "M")]
    time_multiplier: Option<i64>,
    /// U-Net: share of channels dropped in training
    #[arg(long, value_name = "SHARE")]
    dropout: Option<f64>,
}

impl NetworkOptions {
    /// Applies every option that was given.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for options that belong to another network.
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
                    // Only the lowest level has attention, unless --attention says otherwise.
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
                    "these options are for {of}; this network is {}",
                    network.name()
                )));
            }
            _ => {}
        }
        Ok(())
    }

    /// With `--conditional`, lets the configured network take as many labels as the data has classes. `from`: the model
    /// whose weights the training starts from.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for data without classes, and for weights that know fewer classes; the errors of listing
    /// a folder of images.
    pub fn condition(&self, config: &mut ModelConfig, from: Option<&str>) -> Result<()> {
        if !self.conditional {
            return Ok(());
        }
        set(&mut config.training.condition_dropout, self.drop_condition);
        let dataset = &config.base.dataset;
        let (classes, known) = (dataset.classes()?.len() as i64, config.network.classes());
        if classes < 2 {
            return Err(Error::Unsupported(format!(
                "--conditional: expected data with at least 2 classes, got {}, which has {}; use images with classes (`ddpm list \
                 datasets`; in an image-folder each sub-folder is a class), or omit --conditional",
                dataset.name(),
                if classes == 1 { "only one" } else { "none" }
            )));
        }
        match from {
            // The model may know more classes than the data has.
            _ if known >= classes => Ok(()),
            Some(other) => Err(Error::Unsupported(format!(
                "--conditional: the {classes} classes of {} need a network that takes at least {classes} labels, but {other}, given with \
                 --from, takes {known}; omit --conditional or --from",
                dataset.name()
            ))),
            None => config.network.set_classes(classes),
        }
    }
}
