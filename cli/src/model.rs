//! What several commands ask of a model: which one, which weights; and deleting it.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};

use crate::common_options::{Place, set};
use crate::data_options::set_data_dir;
use crate::list::{choice, entry};
use crate::say::{note, say, to_stderr};

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
    #[arg(long, default_value = "ema", value_parser = choice::<Weights>())]
    weights: Weights,
    #[command(flatten)]
    place: Place,
}

/// A trained model, and how to sample from it.
#[derive(Args)]
pub struct Trained {
    #[command(flatten)]
    chosen: Chosen,
    /// The sampler (`ddpm list samplers`); the model's own where it is left out
    #[arg(long, value_name = "NAME", value_parser = entry(SamplerConfig::ENTRIES, SamplerConfig::from_name))]
    sampler: Option<SamplerConfig>,
    /// ddim: how many steps; all that the process has where it is left out
    #[arg(long, value_name = "K")]
    steps: Option<usize>,
    /// ddim: where the steps lie (`ddpm list layouts`)
    #[arg(long, value_name = "NAME", value_parser = entry(StepLayoutConfig::ENTRIES, StepLayoutConfig::from_name))]
    layout: Option<StepLayoutConfig>,
    /// ddim: the share of fresh noise, 0 for none, 1 for as much as ancestral sampling adds
    #[arg(long, value_name = "ETA")]
    eta: Option<f64>,
    /// ancestral: the variance of the reverse steps; the model's own where it is left out
    #[arg(long, value_parser = choice::<ReverseVariance>())]
    variance: Option<ReverseVariance>,
    /// Whether the predicted x_0 is clipped to [-1, 1], the range of images; as the model says where it is left out
    #[arg(long, value_name = "BOOL")]
    clip_denoised: Option<bool>,
}

/// Gives the sampler the variance that was chosen, if any.
///
/// # Errors
/// [`Error::Unsupported`] for a sampler that has no choice of it.
pub fn set_variance(sampling: &mut SamplingConfig, variance: Option<ReverseVariance>) -> Result<()> {
    match (&mut sampling.sampler, variance) {
        (_, None) => Ok(()),
        (SamplerConfig::Ancestral(sampler), Some(variance)) => {
            sampler.variance = variance;
            Ok(())
        }
        (other, Some(_)) => {
            Err(Error::Unsupported(format!("--variance is for the sampler ancestral; this one is {}", other.name())))
        }
    }
}

impl Chosen {
    pub fn manager(&self) -> Result<ModelManager> {
        ModelManager::open(&self.place.base(), &self.model)
    }

    pub fn weights(&self) -> Weights {
        self.weights
    }

    /// The model's manager, its network with the chosen weights, and its constants.
    pub fn load(&self) -> Result<(ModelManager, Model, ConstantsManager)> {
        self.load_in(None)
    }

    /// As [`Chosen::load`], the network computing in the given numbers.
    pub fn load_in(&self, precision: Option<Precision>) -> Result<(ModelManager, Model, ConstantsManager)> {
        let manager = self.manager()?;
        let config = manager.config();
        let mut base = config.base.clone();
        base.compute.precision = precision.unwrap_or(base.compute.precision);
        let model = get_model(&base, &config.network, &config.training)?;
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

    /// As [`Chosen::load`], the model sampled from with the chosen variance and clipping.
    pub fn load(&self) -> Result<(ModelManager, Model, ConstantsManager)> {
        let (manager, model, constants) = self.chosen.load()?;
        let mut sampling = model.sampling().clone();
        // The sampler that is there may have settings of its own.
        if let Some(sampler) = self.sampler.as_ref().filter(|sampler| sampler.name() != sampling.sampler.name()) {
            sampling.sampler = sampler.clone();
        }
        set_variance(&mut sampling, self.variance)?;
        match &mut sampling.sampler {
            SamplerConfig::Ddim(ddim) => {
                ddim.steps = self.steps.or(ddim.steps);
                set(&mut ddim.layout, self.layout.clone());
                set(&mut ddim.eta, self.eta);
            }
            other if self.steps.is_some() || self.eta.is_some() || self.layout.is_some() => {
                let problem =
                    format!("--steps, --layout and --eta are for the sampler ddim; this one is {}", other.name());
                return Err(Error::Unsupported(problem));
            }
            SamplerConfig::Ancestral(_) => {}
        }
        set(&mut sampling.clip_denoised, self.clip_denoised);
        Ok((manager, model.with_sampling(sampling), constants))
    }
}

/// The data that a model learned, wherever it is now.
#[derive(Args)]
pub struct DataPlace {
    /// The folder that the images are in now; where the model was trained on them if left out
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DataPlace {
    /// The loader of the model's data. What is to be said of it goes to stderr.
    pub fn dataloader(&self, config: &ModelConfig) -> Result<DataLoader> {
        let mut base = config.base.clone();
        set_data_dir(&mut base.dataset, self.data_dir.clone())?;
        let dataloader = get_dataloader(&base, &config.training)?;
        dataloader.remarks().iter().for_each(note);
        Ok(dataloader)
    }

    pub fn is_given(&self) -> bool {
        self.data_dir.is_some()
    }

    /// Refuses a folder for data that is in none.
    pub fn check(&self, config: &ModelConfig) -> Result<()> {
        set_data_dir(&mut config.base.dataset.clone(), self.data_dir.clone())
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
        let base = self.place.base();
        let folder = base.models_dir.join(&self.model);
        let typed = match self.confirm {
            Some(typed) => typed,
            // Before it is typed: is there anything to delete?
            None if !folder.join("config.json").exists() => self.model.clone(),
            None => ask(&folder.display().to_string()),
        };
        ModelManager::delete(&base, &self.model, &typed)?;
        say(format!("deleted {}", folder.display()))
    }
}

fn ask(folder: &str) -> String {
    if io::stdin().is_terminal() {
        to_stderr(format!("{folder} and all its checkpoints will be deleted. Type the model's name to go on: "));
    }
    let mut line = String::new();
    // An input that cannot be read confirms nothing.
    let _ = io::stdin().lock().read_line(&mut line);
    line.trim().to_owned()
}
