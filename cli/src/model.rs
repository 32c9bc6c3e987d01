//! Options that choose a model, its weights and its data; and `ddpm delete`.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;

use crate::common_options::CommonOptions;
use crate::data_options::set_data_dir;
use crate::list::choice;
use crate::sampling_options::SamplingOptions;
use crate::say::{note, say, to_stderr};

/// A trained model, and which of its weights to use.
#[derive(Args)]
pub struct ModelOptions {
    /// The model's name
    #[arg(long, value_name = "NAME", required = true)]
    pub model: Option<String>,
    /// Use the checkpoint of this epoch instead of the newest
    #[arg(long, value_name = "EPOCH")]
    pub checkpoint: Option<usize>,
    /// Use the moving average of the weights (ema), or the weights themselves (raw)
    #[arg(long, default_value = "ema", value_parser = choice::<Weights>())]
    weights: Weights,
    #[command(flatten)]
    common: CommonOptions,
}

/// A trained model, and how to sample from it.
#[derive(Args)]
pub struct Trained {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    sampling: SamplingOptions,
}

impl ModelOptions {
    pub fn manager(&self) -> Result<ModelManager> {
        ModelManager::open(&self.common.base(), self.model.as_deref().unwrap_or_default())
    }

    pub fn weights(&self) -> Weights {
        self.weights
    }

    /// The model's manager, its network with the chosen weights, and its process.
    pub fn load(&self) -> Result<(ModelManager, Model, Box<dyn Process>)> {
        self.load_with_precision(None)
    }

    /// As [`ModelOptions::load`], with the network computing in the given precision.
    pub fn load_with_precision(&self, precision: Option<Precision>) -> Result<(ModelManager, Model, Box<dyn Process>)> {
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
        manager.history(self.model.checkpoint)
    }

    /// The epoch of the chosen checkpoint; `None` for the newest.
    pub fn checkpoint(&self) -> Option<usize> {
        self.model.checkpoint
    }

    /// Which of its weights were chosen.
    pub fn weights(&self) -> Weights {
        self.model.weights()
    }

    /// Another model in the same folder.
    pub fn other_model(&self, name: &str) -> Result<ModelManager> {
        ModelManager::open(&self.model.common.base(), name)
    }

    /// How to sample from an oracle of this process.
    pub fn sampling_for(&self, process: &dyn Process) -> Result<SamplingConfig> {
        let mut sampling = SamplingConfig::for_process(process);
        self.sampling.apply(&mut sampling)?;
        Ok(sampling)
    }

    /// As [`ModelOptions::load`], with the sampling options applied.
    pub fn load(&self) -> Result<(ModelManager, Model, Box<dyn Process>)> {
        let (manager, model, process) = self.model.load()?;
        let mut sampling = model.sampling().clone();
        self.sampling.apply(&mut sampling)?;
        manager.config().check_sampler(&sampling.sampler)?;
        Ok((manager, model.with_sampling(sampling), process))
    }
}

/// Where the data that a model learned is now.
#[derive(Args)]
pub struct DataFolder {
    /// The folder that contains the images now; by default the one that the model was trained on
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DataFolder {
    /// The loader of the model's data. Its remarks go to stderr.
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
    /// [`ddpm_tutor::Error::Unsupported`] if a folder is given for data that is not in a folder.
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
    /// The model's name once more, instead of typing it when asked
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    #[command(flatten)]
    common: CommonOptions,
}

impl Delete {
    pub fn run(self) -> Result<()> {
        let base = self.common.base();
        let folder = base.models_dir.join(&self.model);
        let typed = match self.confirm {
            Some(typed) => typed,
            // Do not ask if there is nothing to delete.
            None if !folder.join("config.json").exists() => self.model.clone(),
            None => ask_for_name(&folder.display().to_string()),
        };
        ModelManager::delete(&base, &self.model, &typed)?;
        say(format!("deleted {}", folder.display()))
    }
}

fn ask_for_name(folder: &str) -> String {
    if io::stdin().is_terminal() {
        to_stderr(format!("{folder} and all its checkpoints will be deleted. Type the model's name to confirm: "));
    }
    let mut line = String::new();
    // Input that cannot be read confirms nothing.
    let _ = io::stdin().lock().read_line(&mut line);
    line.trim().to_owned()
}
