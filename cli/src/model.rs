//! What several commands ask of a model: which one, which weights; and deleting it.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;

use crate::common_options::Place;
use crate::data_options::set_data_dir;
use crate::list::choice;
use crate::sampling_options::SamplingOptions;
use crate::say::{note, say, to_stderr};

/// A trained model, and which of its weights.
#[derive(Args)]
pub struct Chosen {
    /// The model's name
    #[arg(long, value_name = "NAME", required = true)]
    pub model: Option<String>,
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
    #[command(flatten)]
    sampling: SamplingOptions,
}

impl Chosen {
    pub fn manager(&self) -> Result<ModelManager> {
        ModelManager::open(&self.place.base(), self.model.as_deref().unwrap_or_default())
    }

    pub fn weights(&self) -> Weights {
        self.weights
    }

    /// The model's manager, its network with the chosen weights, and its process.
    pub fn load(&self) -> Result<(ModelManager, Model, Box<dyn Process>)> {
        self.load_in(None)
    }

    /// As [`Chosen::load`], the network computing in the given numbers.
    pub fn load_in(&self, precision: Option<Precision>) -> Result<(ModelManager, Model, Box<dyn Process>)> {
        let manager = self.manager()?;
        let config = manager.config();
        let mut base = config.base.clone();
        base.compute.precision = precision.unwrap_or(base.compute.precision);
        let model = get_model(&base, &config.network, &config.training)?;
        manager.load_weights(&model, self.checkpoint, self.weights())?;
        let process = get_process(&config.base, &config.training)?;
        Ok((manager, model, process))
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

    /// How an oracle is sampled from on this process.
    pub fn sampling_of(&self, process: &dyn Process) -> Result<SamplingConfig> {
        let mut sampling = SamplingConfig::for_process(process);
        self.sampling.apply(&mut sampling)?;
        Ok(sampling)
    }

    /// As [`Chosen::load`], the model sampled from as the options say.
    pub fn load(&self) -> Result<(ModelManager, Model, Box<dyn Process>)> {
        let (manager, model, process) = self.chosen.load()?;
        let mut sampling = model.sampling().clone();
        self.sampling.apply(&mut sampling)?;
        Ok((manager, model.with_sampling(sampling), process))
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

    /// The model's data set, where it is now.
    ///
    /// # Errors
    /// [`ddpm_tutor::Error::Unsupported`] for a folder for data that is in none.
    pub fn dataset(&self, config: &ModelConfig) -> Result<Dataset> {
        let mut dataset = config.base.dataset.clone();
        set_data_dir(&mut dataset, self.data_dir.clone())?;
        Ok(dataset)
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
