//! `ddpm import`: makes a model from weights of another program.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;
use ddpm_utils::files::{one_line, shown};
use serde_json::json;

use crate::common_options::CommonOptions;
use crate::data_options::image_size;
use crate::list::names;
use crate::say::{note, say};
use crate::start_message::process_name;

#[derive(Args)]
pub struct Import {
    /// The weights: a file written by torch.save (.pt, .tar, .ckpt, .bin), or a safetensors file. No code in it is run
    file: PathBuf,
    /// The name of the new model
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Which weights to take from a file with several: their key or prefix, such as model or ema; by default the moving
    /// average
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// The model's configuration; by default config.json next to the weights or, if there is none, what the weights
    /// show
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// T as the original counts it; by default 1000 for a U-Net and 40 for an FNN
    #[arg(long, value_name = "T")]
    timesteps: Option<usize>,
    /// The size of the images: N, or height x width as in 32x48; by default that of the configuration or the data set,
    /// or 32
    #[arg(long, value_name = "N|HxW", value_parser = image_size)]
    image_size: Option<[i64; 2]>,
    /// The data set that the model was trained on, to evaluate it
    #[arg(long, value_name = "NAME", value_parser = names(Dataset::ENTRIES))]
    dataset: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonOptions,
}

impl Import {
    pub fn run(self) -> Result<()> {
        let dataset = self.dataset.as_deref().map(Dataset::from_name).transpose()?;
        let options = ImportOptions {
            config: self.config,
            timesteps: self.timesteps,
            image_size: self.image_size,
            dataset,
            key: self.key,
        };
        let (manager, report) =
            ModelManager::import_and_report(&self.common.base(), &self.model, &self.file, &options)?;
        let ModelConfig { network, training, .. } = manager.config();
        let choice = if report.others.is_empty() { "" } else { " (--key NAME takes other weights)" };
        for (remark, choice) in report.remarks.iter().zip(std::iter::once(choice).chain(std::iter::repeat(""))) {
            note(format!("{}{choice}", one_line(remark)));
        }
        if self.json {
            let (model, timesteps) = (manager.name(), training.timesteps);
            let folder = manager.folder().to_string_lossy();
            return say(json!({
                "model": model, "folder": folder, "network": network, "timesteps": timesteps, "remarks": report.remarks,
            }));
        }
        say(format!(
            "imported {} from {}: {}, {}: {}",
            manager.name(),
            shown(&self.file),
            summary(network),
            process_name(training),
            manager.folder().display()
        ))
    }
}

fn summary(network: &NetworkConfig) -> String {
    match network {
        NetworkConfig::Fnn(fnn) => {
            format!("FNN, hidden widths {:?}, time embedding {}", fnn.hidden_widths, fnn.time_embedding)
        }
        NetworkConfig::Unet(unet) => {
            let [channels, height, width] = unet.image_shape;
            format!(
                "U-Net, {channels} x {height} x {width}, base {}, multipliers {:?}, {} residual blocks per level",
                unet.base_channels, unet.channel_multipliers, unet.residual_blocks
            )
        }
        other => other.name().to_owned(),
    }
}
