//! Exports a checkpoint to a safetensors file under the original's names, which its code can load.

use std::collections::HashMap;
use std::path::Path;

use super::described::Ours;
use super::{HEADER_ENTRY, TIME_TABLE, TIME_TABLE_ROWS, fit};
use crate::config::{BaseConfig, get_model};
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::models::checkpoint::{self, Weights};
use crate::models::config::ModelConfig;
use crate::networks::{Network, NetworkConfig, sorted_variables};
use crate::tensor_file::{self, StorageKind, Stored};

/// Writes the weights in `checkpoint` to `file`, and returns remarks on what the original's code would do differently.
pub(crate) fn export(
    config: &ModelConfig,
    checkpoint: &Path,
    weights: Weights,
    storage: StorageKind,
    file: &Path,
) -> Result<Vec<String>> {
    let on_cpu = BaseConfig { compute: DeviceChoice::Cpu.into(), ..config.base.clone() };
    let model = get_model(&on_cpu, &config.network, &config.training)?;
    let progress = checkpoint::read_weights(checkpoint, model.var_store(), weights, &config.training)?;
    let mut tensors = Vec::new();
    if let NetworkConfig::Unet(unet) = &config.network {
        // In f32 whatever the format of the rest: with angles of up to 999, fewer bits would be useless.
        tensors.push(Stored::new(TIME_TABLE, &fit::time_table(unet.base_channels), StorageKind::F32)?);
    }
    for (name, tensor) in sorted_variables(model.var_store()) {
        tensors.push(Stored::new(name, &tensor, storage)?);
    }
    let ours = serde_json::to_string(&Ours { config: config.clone(), progress });
    let ours = ours.map_err(|error| Error::Unsupported(error.to_string()))?;
    // Python libraries expect "pt".
    let header = HashMap::from([("format".to_owned(), "pt".to_owned()), (HEADER_ENTRY.to_owned(), ours)]);
    tensor_file::write(file, &tensors, header)?;
    Ok(remarks(config))
}

fn remarks(config: &ModelConfig) -> Vec<String> {
    let mut remarks = Vec::new();
    if config.network.classes() > 0 {
        remarks.push("it takes class labels, which the original's code does not".to_owned());
    }
    let NetworkConfig::Unet(unet) = &config.network else { return remarks };
    if unet.scale_residuals {
        remarks.push("it scales residual sums by 1/√2, which the original's code does not".to_owned());
    }
    let (last, timesteps) = (TIME_TABLE_ROWS - 1, config.training.timesteps);
    if timesteps as i64 > last {
        remarks.push(format!("it takes t = 1 … {timesteps}, but the original's table of timesteps ends at {last}"));
    }
    remarks
}
