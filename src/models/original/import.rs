//! Reads a file of weights into a model's configuration and weights, and checks everything before anything is written.

use std::path::{Path, PathBuf};

use tch::Tensor;

use super::described::{self, Described, Ours};
use super::state_dict::StateDict;
use super::{fit, infer};
use crate::config::{BaseConfig, CheckpointConfig, InferType, TrainingConfig, get_model};
use crate::datasets::Dataset;
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::models::checkpoint::Progress;
use crate::models::config::ModelConfig;
use crate::networks::NetworkConfig;
use crate::process::OriginalLinearSchedule;

/// Settings that weights themselves do not show. A file exported by this project contains all of them.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// A configuration: the original's `config.json`, or that of a model of this project. By default the one in the
    /// file, or `config.json` next to it.
    pub config: Option<PathBuf>,
    /// The original's number of timesteps; the imported model has one fewer: see [`OriginalLinearSchedule`]. By default
    /// 1000 for a U-Net and 40 for an FNN.
    pub timesteps: Option<usize>,
    /// Height and width of the images of a U-Net; by default those of the configuration or the data set, or 32 x 32.
    pub image_size: Option<[i64; 2]>,
    /// The data that it was trained on, at the size of the network's images, to compare its samples with; by default
    /// [`Dataset::Own`].
    pub dataset: Option<Dataset>,
    /// Which weights to take from a file with several: their key or prefix, such as `model` or `ema`. By default the
    /// moving average, if there is one.
    pub key: Option<String>,
}

/// What a user should know about an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// What was used, ignored and changed.
    pub remarks: Vec<String>,
    /// Other weights in the file, as names for [`ImportOptions::key`].
    pub others: Vec<String>,
}

/// The contents of a new model's folder.
pub(crate) struct Imported {
    pub config: ModelConfig,
    pub weights: Vec<(String, Tensor)>,
    pub progress: Progress,
    pub report: ImportReport,
}

/// Reads and checks everything; writes nothing.
pub(crate) fn import(base: &BaseConfig, path: &Path, options: &ImportOptions) -> Result<Imported> {
    let mut state_dict = StateDict::read(path, options.key.as_deref())?;
    let (remarks, others) = (std::mem::take(&mut state_dict.remarks), std::mem::take(&mut state_dict.others));
    let report = ImportReport { remarks, others };
    let described = described::find(path, options.config.as_deref(), &state_dict)?;
    let (mut config, progress) = match described {
        Some(Described::Ours(ours)) => {
            options.reject_overrides()?;
            let Ours { config, progress } = *ours;
            (config, progress)
        }
        described => {
            let network = network(path, &state_dict, described, options)?;
            network.validate()?;
            (options.configuration(network)?, Progress::default())
        }
    };
    config.base.models_dir = base.models_dir.clone();
    config.validate()?;
    fit::check_size(path, &state_dict, &config.network)?;
    let on_cpu = BaseConfig { compute: DeviceChoice::Cpu.into(), ..config.base.clone() };
    let model = get_model(&on_cpu, &config.network, &config.training)?;
    let weights = fit::weights(path, state_dict, &model)?;
    Ok(Imported { config, weights, progress, report })
}

fn network(
    path: &Path,
    state_dict: &StateDict,
    described: Option<Described>,
    options: &ImportOptions,
) -> Result<NetworkConfig> {
    let of_dataset = options.dataset.as_ref().and_then(Dataset::size);
    let Some(Described::Original(config, file)) = described else {
        return infer::network(path, state_dict, options.image_size.or(of_dataset).unwrap_or([32, 32]));
    };
    let said = config.image_size();
    if let (Some([height, width]), Some(said)) = (options.image_size, said)
        && said != [height, width]
    {
        let expected = format!("{} x {}, as in {}", said[0], said[1], file.display());
        return Err(Error::config("image_size", expected, format!("{height} x {width}")));
    }
    let size = said.or(options.image_size).or(of_dataset).unwrap_or([32, 32]);
    let mut network = infer::network(path, state_dict, size)?;
    config.complete(&mut network, &file)?;
    Ok(network)
}

impl ImportOptions {
    /// The configuration of this network with the original's diffusion.
    fn configuration(&self, network: NetworkConfig) -> Result<ModelConfig> {
        let shape = network.settings().map(|settings| settings.sample_shape().1).unwrap_or_default();
        let default_timesteps = if shape.len() == 3 { 1000 } else { 40 };
        let timesteps = self.timesteps.unwrap_or(default_timesteps);
        if timesteps < 21 {
            let expected = "more than 20: the last beta of the original's schedule is 20 / T and has to stay below 1";
            return Err(Error::config("timesteps of the original", expected, timesteps));
        }
        let dataset = match self.dataset.clone() {
            Some(dataset) => of_network(dataset, &network)?,
            None => Dataset::Own { label: "imported".to_owned(), shape: shape.clone() },
        };
        let inference_type = if shape == [2] { InferType::Plot } else { InferType::None };
        Ok(ModelConfig {
            base: BaseConfig { dataset, ..Default::default() },
            network,
            training: TrainingConfig {
                timesteps: timesteps - 1,
                schedule: OriginalLinearSchedule.into(),
                checkpoints: CheckpointConfig { inference_type, ..Default::default() },
                ..Default::default()
            },
        })
    }

    fn reject_overrides(&self) -> Result<()> {
        let given = [
            ("timesteps", self.timesteps.is_some()),
            ("image size", self.image_size.is_some()),
            ("data set", self.dataset.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((what, _)) => Err(Error::Unsupported(format!(
                "the {what} cannot be chosen: these weights come with the configuration that they were trained with"
            ))),
        }
    }
}

/// The data set, at the size of the network's images.
fn of_network(mut dataset: Dataset, network: &NetworkConfig) -> Result<Dataset> {
    let NetworkConfig::Unet(unet) = network else { return Ok(dataset) };
    let [channels, height, width] = unet.image_shape;
    if let (Dataset::ImageFolder(set), 1 | 3) = (&mut dataset, channels) {
        set.channels = channels;
    }
    dataset.set("size", [height, width])?;
    match dataset.shape()[..] {
        [found, ..] if dataset.is_images() && found != channels => {
            let (name, s) = (dataset.name(), if found == 1 { "" } else { "s" });
            Err(Error::Unsupported(format!(
                "{name} has images of {found} channel{s}, but these weights take {channels}: omit the data set, or choose another"
            )))
        }
        _ => Ok(dataset),
    }
}
