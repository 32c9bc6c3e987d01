//! What several commands ask of a model: which one, which weights; and deleting it.

use std::io::{self, BufRead, IsTerminal};

use clap::{Args, ValueEnum};
use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;

use crate::Place;
use crate::say::say;

/// A trained model, and which of its weights.
#[derive(Args)]
pub struct Chosen {
    /// The model's name
    #[arg(long, value_name = "NAME")]
    pub model: String,
    /// The checkpoint of this epoch instead of the newest
    #[arg(long, value_name = "EPOCH")]
    pub checkpoint: Option<usize>,
    /// The moving average of the weights, or the weights themselves
    #[arg(long, default_value = "ema")]
    weights: WeightsChoice,
    #[command(flatten)]
    place: Place,
}

/// A trained model, and how to sample from it.
#[derive(Args)]
pub struct Trained {
    #[command(flatten)]
    chosen: Chosen,
    /// The variance of the reverse steps; the model's own where it is left out
    #[arg(long)]
    variance: Option<VarianceChoice>,
    /// Whether the predicted x_0 is clipped to [-1, 1], the range of images; as the model says where it is left out
    #[arg(long, value_name = "BOOL")]
    clip_denoised: Option<bool>,
}

#[derive(Clone, Copy, ValueEnum)]
enum WeightsChoice {
    Ema,
    Raw,
}

/// The variance of the reverse steps, as an option.
#[derive(Clone, Copy, ValueEnum)]
pub enum VarianceChoice {
    Beta,
    Posterior,
}

impl From<VarianceChoice> for ReverseVariance {
    fn from(choice: VarianceChoice) -> Self {
        match choice {
            VarianceChoice::Beta => ReverseVariance::Beta,
            VarianceChoice::Posterior => ReverseVariance::Posterior,
        }
    }
}

impl Chosen {
    pub fn manager(&self) -> Result<ModelManager> {
        ModelManager::open(&self.place.base(), &self.model)
    }

    pub fn weights(&self) -> Weights {
        match self.weights {
            WeightsChoice::Ema => Weights::Ema,
            WeightsChoice::Raw => Weights::Raw,
        }
    }

    /// The model's manager, its network with the chosen weights, and its constants.
    pub fn load(&self) -> Result<(ModelManager, Box<dyn Denoiser>, ConstantsManager)> {
        self.load_in(None)
    }

    /// As [`Chosen::load`], the network computing in the given numbers.
    pub fn load_in(&self, precision: Option<Precision>) -> Result<(ModelManager, Box<dyn Denoiser>, ConstantsManager)> {
        let manager = self.manager()?;
        let config = manager.config();
        let base = BaseConfig { precision: precision.unwrap_or(config.base.precision), ..config.base.clone() };
        let model = get_model(&base, &config.network)?;
        manager.load_weights(&model, self.checkpoint, self.weights())?;
        let constants = ConstantsManager::new(&config.base, &config.training)?;
        Ok((manager, model, constants))
    }
}

impl Trained {
    /// The loss of each epoch up to the chosen checkpoint.
    pub fn history(&self, manager: &ModelManager) -> Result<Vec<EpochLoss>> {
        manager.history(self.chosen.checkpoint)
    }

    /// Another model of the same folder.
    pub fn beside(&self, name: &str) -> Result<ModelManager> {
        ModelManager::open(&self.chosen.place.base(), name)
    }

    /// As [`Chosen::load`], the constants with the chosen variance and clipping.
    pub fn load(&self) -> Result<(ModelManager, Box<dyn Denoiser>, ConstantsManager)> {
        let (manager, model, mut constants) = self.chosen.load()?;
        if let Some(variance) = self.variance {
            constants = constants.with_variance(variance.into());
        }
        if let Some(clip) = self.clip_denoised {
            constants = constants.with_clip(clip);
        }
        Ok((manager, model, constants))
    }
}

#[derive(Args)]
pub struct Delete {
    /// The model's name
    #[arg(long, value_name = "NAME")]
    model: String,
    /// The model's name once more, in place of typing it when asked
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Delete {
    pub fn run(self) -> Result<()> {
        let manager = ModelManager::open(&self.place.base(), &self.model)?;
        let folder = manager.folder().to_owned();
        let typed = self.confirm.unwrap_or_else(|| ask(&folder.display().to_string()));
        manager.delete_model(&typed)?;
        say(format!("deleted {}", folder.display()))
    }
}

fn ask(folder: &str) -> String {
    if io::stdin().is_terminal() {
        eprint!("{folder} and all its checkpoints will be deleted. Type the model's name to go on: ");
    }
    let mut line = String::new();
    // An input that cannot be read confirms nothing.
    let _ = io::stdin().lock().read_line(&mut line);
    line.trim().to_owned()
}
