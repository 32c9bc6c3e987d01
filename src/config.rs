//! What a run is made from: `BaseConfig`, `TrainingConfig`, `FnnConfig`. Each has a `Default` to start from:
//! `TrainingConfig { epochs: 20, ..Default::default() }`. Everything that takes a configuration checks it first.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::constants::ReverseVariance;
use crate::datasets::Dataset;
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::inference_logger::InferType;
use crate::schedule::NoiseSchedule;

/// What every part of a run shares: the device, the data, the seed, the folders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BaseConfig {
    /// Where to compute.
    pub device: DeviceChoice,
    /// The data to learn.
    pub dataset: Dataset,
    /// How many samples of it to train on.
    pub dataset_size: usize,
    /// The one seed that sets everything: data, initial weights, noise, order.
    pub seed: u64,
    /// The folder that holds the models.
    #[serde(skip)]
    pub models_dir: PathBuf,
}

impl Default for BaseConfig {
    fn default() -> Self {
        Self {
            device: DeviceChoice::Auto,
            dataset: Dataset::default(),
            dataset_size: 100_000,
            seed: 0,
            models_dir: PathBuf::from("models"),
        }
    }
}

impl BaseConfig {
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot work.
    pub fn validate(&self) -> Result<()> {
        require(self.dataset_size >= 1, "BaseConfig.dataset_size", "at least 1", self.dataset_size)?;
        self.dataset.validate()
    }
}

/// How the learning rate goes from its start to the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearningRateSchedule {
    /// The same at every step.
    Constant,
    /// Falls to 0 along half a cosine: `lr (1 + cos(pi step / steps)) / 2`. Loshchilov & Hutter 2017, equation 5.
    Cosine,
}

/// How the diffusion is set up and how long and how fast the network learns it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// `T`, the number of diffusion steps.
    pub timesteps: usize,
    /// How `beta_t` grows.
    pub schedule: NoiseSchedule,
    /// The variance of the reverse steps when sampling.
    pub reverse_variance: ReverseVariance,
    /// How often to go through the data.
    pub epochs: usize,
    /// Samples a step.
    pub batch_size: usize,
    /// Epochs from one checkpoint to the next.
    pub checkpoint_period: usize,
    /// Samples drawn at each checkpoint.
    pub sample_amount: usize,
    /// What becomes of the samples drawn at each checkpoint.
    pub inference_type: InferType,
    /// The learning rate at the first step.
    pub learning_rate: f64,
    /// How it goes on from there.
    pub learning_rate_schedule: LearningRateSchedule,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f64,
    /// Decay of the moving average of the weights that sampling uses, in `[0, 1)`; 0 keeps the weights themselves.
    pub ema_decay: f64,
    /// The largest norm of the whole gradient; longer ones are scaled down. `None`: no limit.
    pub gradient_clipping: Option<f64>,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            timesteps: 40,
            schedule: NoiseSchedule::Cosine,
            reverse_variance: ReverseVariance::Beta,
            epochs: 100,
            batch_size: 512,
            checkpoint_period: 20,
            sample_amount: 100,
            inference_type: InferType::Plot,
            learning_rate: 2e-3,
            learning_rate_schedule: LearningRateSchedule::Cosine,
            weight_decay: 0.0,
            ema_decay: 0.999,
            gradient_clipping: Some(1.0),
        }
    }
}

impl TrainingConfig {
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot work.
    pub fn validate(&self) -> Result<()> {
        self.schedule.betas(self.timesteps)?;
        require(self.timesteps <= 100_000, "TrainingConfig.timesteps", "at most 100000", self.timesteps)?;
        require(self.epochs >= 1, "TrainingConfig.epochs", "at least 1", self.epochs)?;
        require(self.batch_size >= 1, "TrainingConfig.batch_size", "at least 1", self.batch_size)?;
        require(self.checkpoint_period >= 1, "TrainingConfig.checkpoint_period", "at least 1", self.checkpoint_period)?;
        let rate = self.learning_rate;
        require(rate > 0.0 && rate <= 1.0, "TrainingConfig.learning_rate", "in (0, 1]", rate)?;
        let decay = self.weight_decay;
        require((0.0..1.0).contains(&decay), "TrainingConfig.weight_decay", "in [0, 1)", decay)?;
        require((0.0..1.0).contains(&self.ema_decay), "TrainingConfig.ema_decay", "in [0, 1)", self.ema_decay)?;
        if let Some(norm) = self.gradient_clipping {
            let expected = "a norm above 0, or none for no limit";
            require(norm > 0.0 && norm.is_finite(), "TrainingConfig.gradient_clipping", expected, norm)?;
        }
        Ok(())
    }
}

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

/// Which network, with its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkConfig {
    /// [`Fnn`](crate::networks::Fnn), for points.
    Fnn(FnnConfig),
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

impl NetworkConfig {
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot work.
    pub fn validate(&self) -> Result<()> {
        match self {
            NetworkConfig::Fnn(config) => config.validate(),
            NetworkConfig::Own(_) => Ok(()),
        }
    }
}

/// Everything that a model is made from: what `models/NAME/config.json` holds and `ddpm train --config` reads.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// The data, the seed, the device.
    pub base: BaseConfig,
    /// The network.
    pub network: NetworkConfig,
    /// The diffusion and the training.
    pub training: TrainingConfig,
}

impl ModelConfig {
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot work.
    pub fn validate(&self) -> Result<()> {
        self.base.validate()?;
        self.network.validate()?;
        self.training.validate()
    }

    /// Reads and checks a JSON file. What the file leaves out keeps its default.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::ConfigFile`] for an unknown key or a wrong type,
    /// [`Error::Config`] for an impossible value.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let config: Self = serde_json::from_str(&text)
            .map_err(|error| Error::ConfigFile { path: path.to_owned(), problem: error.to_string() })?;
        config.validate()?;
        Ok(config)
    }
}

pub(crate) fn require(
    holds: bool,
    field: &'static str,
    expected: &'static str,
    got: impl std::fmt::Display,
) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::config(field, expected, got)) }
}
