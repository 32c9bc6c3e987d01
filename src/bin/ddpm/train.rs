//! `ddpm train`: from a configuration and options to a trained model.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::json;

use crate::Place;
use crate::model::VarianceChoice;
use crate::say::say;

/// Every option left out keeps the value of the configuration file, of the model that is there, or the default.
#[derive(Args)]
pub struct Train {
    /// The model's name: a new one, or one to train on
    #[arg(long, value_name = "NAME")]
    model: String,
    /// A configuration file (JSON), as models/NAME/config.json
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// swiss-roll, spiral, moons, circles or checkerboard
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Samples to train on
    #[arg(long, value_name = "N")]
    dataset_size: Option<usize>,
    /// The seed of data, weights, noise and order
    #[arg(long)]
    seed: Option<u64>,
    /// T, the number of diffusion steps
    #[arg(long, value_name = "T")]
    timesteps: Option<usize>,
    /// How beta_t grows
    #[arg(long)]
    schedule: Option<ScheduleChoice>,
    /// The variance of the reverse steps when sampling
    #[arg(long)]
    variance: Option<VarianceChoice>,
    /// How often to go through the data
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Samples a step
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Epochs from one checkpoint to the next
    #[arg(long, value_name = "N")]
    checkpoint_period: Option<usize>,
    /// Samples drawn at each checkpoint; 0 for none
    #[arg(long, value_name = "N")]
    sample_amount: Option<usize>,
    /// What is made of them
    #[arg(long)]
    inference_type: Option<InferTypeChoice>,
    /// The learning rate at the first step
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// How the learning rate goes on from there
    #[arg(long)]
    learning_rate_schedule: Option<RateScheduleChoice>,
    /// AdamW's decoupled weight decay
    #[arg(long, value_name = "DECAY")]
    weight_decay: Option<f64>,
    /// Decay of the moving average of the weights
    #[arg(long, value_name = "DECAY")]
    ema_decay: Option<f64>,
    /// The largest gradient norm; 0 for no limit
    #[arg(long, value_name = "NORM")]
    gradient_clipping: Option<f64>,
    /// Widths of the hidden layers, such as 128,128,128
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',')]
    hidden_widths: Option<Vec<i64>>,
    /// Width of the time embedding
    #[arg(long, value_name = "WIDTH")]
    time_embedding: Option<i64>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, ValueEnum)]
enum ScheduleChoice {
    Linear,
    Cosine,
    OriginalLinear,
}

#[derive(Clone, Copy, ValueEnum)]
enum RateScheduleChoice {
    Constant,
    Cosine,
}

#[derive(Clone, Copy, ValueEnum)]
enum InferTypeChoice {
    Image,
    Gif,
    Plot,
    PlotProcess,
    None,
}

impl Train {
    pub fn run(self) -> Result<()> {
        let config = self.configuration()?;
        config.validate()?;
        // What can be refused is refused before the model's folder is made.
        let model = get_model(&config.base, &config.network)?;
        let dataloader = get_dataloader(&config.base, &config.training)?;
        let constants = ConstantsManager::new(&config.base, &config.training)?;
        let manager = ModelManager::new(&config.base, &self.model, config.network, &config.training)?;
        if let Some(warning) = constants.warning() {
            eprintln!("ddpm: mind: {warning}");
        }
        let from = manager.checkpoints().last().copied().unwrap_or(0);
        if !self.json {
            say(opening(&manager, parameter_count(&model), from))?;
        }
        let started = Instant::now();
        let state = train(&manager, &model, &dataloader, &constants, &mut show_progress())?;
        let seconds = started.elapsed().as_secs_f64();
        let loss = state.history().last().map(|loss| loss.mean);
        let checkpoint = manager.folder().join(format!("checkpoints/epoch_{:04}.safetensors", state.epoch()));
        let (epochs, trained) = (state.epoch(), state.epoch() - from);
        if self.json {
            return say(json!({
                "model": self.model, "epochs": epochs, "from_epoch": from, "loss": loss, "seconds": seconds,
                "checkpoint": checkpoint,
            }));
        }
        if trained == 0 {
            return say(format!(
                "{} has had its {epochs} epochs already; --epochs with a larger number trains on",
                self.model
            ));
        }
        let (s, loss) = (if trained == 1 { "" } else { "s" }, loss.unwrap_or(f64::NAN));
        say(format!("trained {trained} epoch{s} in {seconds:.1} s, loss {loss:.4}: {}", checkpoint.display()))
    }

    /// The configuration file, or the model that is there, or the defaults; and over it the options.
    fn configuration(&self) -> Result<ModelConfig> {
        let place = self.place.base();
        let mut config = match (&self.config, ModelManager::open(&place, &self.model)) {
            (Some(file), _) => ModelConfig::read(file)?,
            (None, Ok(manager)) => manager.config().clone(),
            (None, Err(Error::NoModel { .. })) => ModelConfig::default(),
            (None, Err(error)) => return Err(error),
        };
        let base = &mut config.base;
        base.models_dir = place.models_dir;
        set(&mut base.device, self.place.device);
        if let Some(name) = &self.dataset {
            let dataset = Dataset::from_name(name)?;
            // The set that is there may have settings of its own, such as its noise.
            if base.dataset.name() != name {
                base.dataset = dataset;
            }
        }
        set(&mut base.dataset_size, self.dataset_size);
        set(&mut base.seed, self.seed);

        let training = &mut config.training;
        set(&mut training.timesteps, self.timesteps);
        set(&mut training.schedule, self.schedule.map(Into::into));
        set(&mut training.reverse_variance, self.variance.map(Into::into));
        set(&mut training.epochs, self.epochs);
        set(&mut training.batch_size, self.batch_size);
        set(&mut training.checkpoint_period, self.checkpoint_period);
        set(&mut training.sample_amount, self.sample_amount);
        set(&mut training.inference_type, self.inference_type.map(Into::into));
        set(&mut training.learning_rate, self.learning_rate);
        set(&mut training.learning_rate_schedule, self.learning_rate_schedule.map(Into::into));
        set(&mut training.weight_decay, self.weight_decay);
        set(&mut training.ema_decay, self.ema_decay);
        set(&mut training.gradient_clipping, self.gradient_clipping.map(|norm| (norm != 0.0).then_some(norm)));
        if let NetworkConfig::Fnn(fnn) = &mut config.network {
            set(&mut fnn.hidden_widths, self.hidden_widths.clone());
            set(&mut fnn.time_embedding, self.time_embedding);
        }
        Ok(config)
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn opening(manager: &ModelManager, parameters: i64, from: usize) -> String {
    let (base, training) = (&manager.config().base, &manager.config().training);
    let start = if from == 0 { "from the start".to_owned() } else { format!("on from epoch {from}") };
    format!(
        "{}: {parameters} parameters, {} x {}, T = {}, {} epochs {start}, on {:?}",
        manager.name(),
        base.dataset_size,
        base.dataset.name(),
        training.timesteps,
        training.epochs,
        base.device.resolve().unwrap_or(Device::Cpu),
    )
}

macro_rules! choice {
    ($choice:ident => $kind:ident: $($variant:ident),*) => {
        impl From<$choice> for $kind {
            fn from(choice: $choice) -> Self {
                match choice {
                    $($choice::$variant => $kind::$variant),*
                }
            }
        }
    };
}
choice!(ScheduleChoice => NoiseSchedule: Linear, Cosine, OriginalLinear);
choice!(RateScheduleChoice => LearningRateSchedule: Constant, Cosine);
choice!(InferTypeChoice => InferType: Image, Gif, Plot, PlotProcess, None);
