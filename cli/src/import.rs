//! `ddpm import`: from weights of elsewhere to a model.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;
use ddpm_utils::files::{one_line, shown};
use serde_json::json;

use crate::common_options::Place;
use crate::data_options::image_size;
use crate::list::names;
use crate::say::{note, say};

#[derive(Args)]
pub struct Import {
    /// The weights: a file of torch.save (.pt, .tar, .ckpt, .bin), or of safetensors. Nothing in it is run
    file: PathBuf,
    /// The name of the new model
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Which weights, where the file holds several: the key or prefix they are under, such as model or ema. The moving average
    /// where it is left out
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// Its configuration; config.json beside the weights where it is left out, and what the weights show where there is none
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// T as the original counts; 1000 for a U-Net and 40 for an FNN where it is left out
    #[arg(long, value_name = "T")]
    timesteps: Option<usize>,
    /// The size of the images: N, or height x width as in 32x48; where nothing says, the data set's, or 32
    #[arg(long, value_name = "N|HxW", value_parser = image_size)]
    image_size: Option<[i64; 2]>,
    /// The data that it was trained on, to evaluate it
    #[arg(long, value_name = "NAME", value_parser = names(Dataset::ENTRIES))]
    dataset: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
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
        let (manager, report) = ModelManager::import_and_report(&self.place.base(), &self.model, &self.file, &options)?;
        let ModelConfig { network, training, .. } = manager.config();
        let choice = if report.others.is_empty() { "" } else { " (--key NAME takes others)" };
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
            "{} from {}: {}, T = {}: {}",
            manager.name(),
            shown(&self.file),
            summary(network),
            training.timesteps,
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
                "U-Net, {channels} x {height} x {width}, base {}, multipliers {:?}, {} residual blocks a level",
                unet.base_channels, unet.channel_multipliers, unet.residual_blocks
            )
        }
        other => other.name().to_owned(),
    }
}
