//! `ddpm train`: trains a model from a configuration and options.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use ddpm_tutor::models::{samples_are_due, train_until};
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::json;

use crate::common_options::{CommonOptions, set};
use crate::data_options::DataOptions;
use crate::list::{choice, entry, names};
use crate::network_options::NetworkOptions;
use crate::new_model_guard::NewModelGuard;
use crate::say::{count, note, say, say_if_possible};
use crate::start_message::start_message;
use crate::stop::{STOPPED, Stop};
use crate::training_options::TrainingOptions;

/// Options that are not given keep the value of the configuration file, of the existing model, or the default for the
/// data. Ctrl-C, a signal (TERM, HUP, USR1, USR2, XCPU) or a file named `stop` in the model's folder ends the training
/// after the current step and saves it; the same command resumes it.
#[derive(Args)]
pub struct Train {
    /// The name of a new model, or of one to train further
    #[arg(long, value_name = "NAME")]
    model: String,
    /// A configuration file (JSON) like models/NAME/config.json, or any part of one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Start the new model from the averaged weights of this one
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// The data to train on
    #[arg(long, value_name = "NAME", value_parser = names(Dataset::ENTRIES))]
    dataset: Option<String>,
    #[command(flatten)]
    data: DataOptions,
    /// The most samples to train on; by default 100000 points or all images
    #[arg(long, value_name = "N")]
    dataset_size: Option<usize>,
    /// The seed of the data, the weights, the noise and the order of the samples
    #[arg(long)]
    seed: Option<u64>,
    /// The precision of a U-Net; auto is bf16 on a CUDA GPU that supports it, and f32 elsewhere
    #[arg(long, value_parser = choice::<Precision>())]
    precision: Option<Precision>,
    #[command(flatten)]
    training: TrainingOptions,
    /// The network (`ddpm list networks`); by default an FNN for points and a U-Net for images
    #[arg(long = "network", value_name = "NAME", value_parser = entry(NetworkConfig::ENTRIES, NetworkConfig::from_name))]
    network_kind: Option<NetworkConfig>,
    #[command(flatten)]
    network: NetworkOptions,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonOptions,
}

impl Train {
    pub fn run(self) -> Result<ExitCode> {
        let (mut config, warmup_is_default) = self.configuration()?;
        // Every check comes before the model's folder is created; those against an existing model come first.
        ModelManager::check(&self.model, &config)?;
        config.validate()?;
        if config.training.objective.coupling().is_some_and(|coupling| !coupling.properties().is_found) {
            let problem = "the coupling \"given\" needs pairs, which only `ddpm reflow` makes and trains on";
            return Err(Error::Unsupported(problem.to_owned()));
        }
        let model = get_model(&config.base, &config.network, &config.training)?;
        let dataloader = get_dataloader(&config.base, &config.training)?;
        let process = get_process(&config.base, &config.training)?;
        ModelLearner::new(&model, &*process, config.training.objective.build()).check(&dataloader)?;
        let steps = dataloader.batches() * config.training.epochs as u64;
        let mut remarks: Vec<String> = self.too_few_samples(&dataloader).into_iter().collect();
        if warmup_is_default {
            let (warmup, fitting) = (config.training.warmup_steps, config.training.fitting_warmup(steps));
            if fitting < warmup {
                remarks.push(format!(
                    "the warm-up takes {fitting} of the training's {steps} steps, not the usual {warmup} (--warmup-steps)"
                ));
            }
            config.training.warmup_steps = fitting;
        }
        let constants = || ConstantsManager::new(&config.base, &config.training);
        let of_schedule = if config.training.process.is_none() { constants()?.warning() } else { None };
        let warnings = config.training.remarks(steps, dataloader.samples()).into_iter();
        remarks.extend(warnings.chain(of_schedule).map(|warning| format!("warning: {warning}")));
        if let Ok(existing) = ModelManager::open(&config.base, &self.model)
            && existing.has_checkpoint()
        {
            // Rejects a model that cannot be trained further before its configuration changes.
            let epochs = existing.load_checkpoint(&model, None)?.epoch();
            let jump = config.training.jump(&existing.config().training, epochs);
            remarks.extend(jump.map(|jump| format!("warning: {jump} (--learning-rate-from-epoch {epochs})")));
        }
        let is_new = !config.base.models_dir.join(&self.model).exists();
        let (manager, lock) = ModelManager::to_train(&self.model, config)?;
        let _guard = is_new.then_some(NewModelGuard(&manager));
        let from = manager.checkpoints().last().copied().unwrap_or(0);
        // With --json, stdout contains only the result.
        if self.json {
            dataloader.remarks().iter().for_each(note);
        } else {
            dataloader.remarks().iter().for_each(say_if_possible);
            say_if_possible(start_message(&manager, parameter_count(&model), &dataloader, from));
        }
        remarks.iter().for_each(note);
        let stop = Stop::listen(manager.folder())?;
        let (mut show, requested) = (show_progress(), stop.clone());
        let started = Instant::now();
        let state =
            train_until(&manager, &lock, &model, &dataloader, &*process, &mut show, move || requested.is_requested())?;
        stop.clear()?;
        self.report(&manager, &state, from, started.elapsed().as_secs_f64())
    }

    fn report(&self, manager: &ModelManager, state: &TrainingState, from: usize, seconds: f64) -> Result<ExitCode> {
        let (model, epochs, trained) = (&self.model, state.epoch(), state.epoch() - from);
        let loss = state.history().last().map(|loss| loss.mean);
        let in_epoch = state.steps_into_epoch();
        let file = if in_epoch > 0 { "stopped".to_owned() } else { format!("epoch_{epochs:04}") };
        let checkpoint = manager.folder().join(format!("checkpoints/{file}.safetensors"));
        let left_out = state.is_stopped() && samples_are_due(manager, state);
        let stopped = left_out || state.is_stopped() && epochs < state.config().epochs;
        let status = if stopped { ExitCode::from(STOPPED) } else { ExitCode::SUCCESS };
        if self.json {
            say(json!({
                "model": model, "epochs": epochs, "steps_into_epoch": in_epoch, "from_epoch": from, "loss": loss,
                "stopped": stopped, "samples_left_out": left_out, "seconds": seconds, "checkpoint": checkpoint.to_string_lossy(),
            }))?;
        } else if left_out {
            say(format!(
                "stopped after {seconds:.1} s, after epoch {epochs} of {}, and saved: {}\n\
                 Its samples were not drawn: `ddpm train --model {model}` draws them and resumes from there",
                state.config().epochs,
                checkpoint.display()
            ))?;
        } else if stopped {
            say(format!(
                "stopped after {seconds:.1} s, {in_epoch} steps into epoch {} of {}, and saved: {}\n\
                 `ddpm train --model {model}` resumes from there",
                epochs + 1,
                state.config().epochs,
                checkpoint.display()
            ))?;
        } else if trained == 0 {
            let done = count(epochs, "epoch");
            say(format!(
                "{model} has already been trained for {done}; to train it further, give --epochs a larger number"
            ))?;
        } else {
            let losses = state.history().last().map(EpochLoss::to_string).unwrap_or_default();
            let done = count(trained, "epoch");
            say(format!("trained {done} in {seconds:.1} s, {losses}: {}", checkpoint.display()))?;
        }
        Ok(status)
    }

    /// A remark if there are fewer samples than requested.
    fn too_few_samples(&self, dataloader: &DataLoader) -> Option<String> {
        let requested = self.dataset_size?;
        let held_out = dataloader.held_out().map_or(0, |samples| samples.size()[0]);
        let available = (dataloader.samples() + held_out) as usize;
        (available < requested).then(|| format!("only {available} samples are available, not {requested}"))
    }

    /// The configuration of the existing model, of the one to start from, or the defaults for the data. The
    /// configuration file overrides it, and the options override both. Also returns whether the warm-up of a new model
    /// is a default that the user did not choose.
    fn configuration(&self) -> Result<(ModelConfig, bool)> {
        let common = self.common.base();
        let file = self.config.as_deref().map(ConfigFile::read).transpose()?;
        let (mut config, is_new) = match ModelManager::open(&common, &self.model) {
            Ok(manager) => (manager.config().clone(), false),
            Err(Error::NoModel { .. }) => (self.new_configuration(&common, file.as_ref())?, true),
            Err(error) => return Err(error),
        };
        let gives = |setting: &str| file.as_ref().is_some_and(|file| file.gives(setting));
        if let Some(file) = &file {
            config = file.over(&config)?;
        }
        let base = &mut config.base;
        let before = base.dataset.shape();
        set(&mut base.compute.device, self.common.device);
        if let Some(name) = &self.dataset {
            let dataset = Dataset::from_name(name)?;
            // If the data set stays the same, it keeps its settings, such as its noise.
            if base.dataset.name() != name {
                base.dataset = dataset;
            }
        }
        self.data.apply(&mut base.dataset)?;
        set(&mut base.dataset_size, self.dataset_size);
        set(&mut base.seed, self.seed);
        set(&mut base.compute.precision, self.precision);
        let shape = base.dataset.shape();
        // If the network stays the same, it keeps its settings.
        if let Some(network) = self.network_kind.as_ref().filter(|network| network.name() != config.network.name()) {
            config.network = network.clone();
        }
        // The network follows the data, unless a file sets both.
        let (network, settings) = (config.network.name(), config.network.settings());
        let field = settings.and_then(|settings| settings.sample_shape().0.split_once('.'));
        if shape != before || !field.is_some_and(|(_, field)| gives(&format!("/network/{network}/{field}"))) {
            // A network that does not fit is rejected later, by the check of the whole configuration.
            let _ = config.network.fit(&shape);
        }
        if let Some(design) = self.training.design.or_else(|| self.default_design(is_new, &config, gives)) {
            design.apply(&mut config.training, &config.base.dataset);
        }
        self.training.apply(&mut config.training)?;
        fit_noise_data(&mut config)?;
        if self.from.is_some() {
            config.training.start_from = self.from.clone();
        }
        self.network.apply(&mut config.network)?;
        self.network.condition(&mut config, self.from.as_deref())?;
        let warmup_is_chosen = self.training.warmup_steps.is_some() || gives("/training/warmup_steps");
        Ok((config, is_new && self.from.is_none() && !warmup_is_chosen))
    }

    /// The design of a new model, unless the file or the options choose parts of it.
    fn default_design(&self, is_new: bool, config: &ModelConfig, gives: impl Fn(&str) -> bool) -> Option<Design> {
        const PARTS: [&str; 7] =
            ["timesteps", "schedule", "process", "noise", "parameterization", "objective", "sampling"];
        let is_chosen = self.training.chooses_a_part_of_the_design()
            || PARTS.iter().any(|part| gives(&format!("/training/{part}")));
        (is_new && self.from.is_none() && !is_chosen).then(|| Design::for_dataset(&config.base.dataset))
    }

    fn new_configuration(&self, common: &BaseConfig, file: Option<&ConfigFile>) -> Result<ModelConfig> {
        if let Some(other) = &self.from {
            let mut config = ModelManager::open(common, other)?.config().clone();
            config.training.learning_rate_from_epoch = 0;
            return Ok(config);
        }
        let in_file = file.and_then(ConfigFile::dataset).cloned();
        let mut dataset = match &self.dataset {
            Some(name) => {
                in_file.filter(|dataset| dataset.name() == name).map_or_else(|| Dataset::from_name(name), Ok)?
            }
            None => in_file.unwrap_or_default(),
        };
        self.data.apply(&mut dataset)?;
        let device = self.common.device.or(file.and_then(ConfigFile::device)).unwrap_or_default();
        let mut config = ModelConfig::for_dataset(dataset, device)?;
        config.base.models_dir = common.models_dir.clone();
        Ok(config)
    }
}

/// Gives images in place of noise the size of the data.
fn fit_noise_data(config: &mut ModelConfig) -> Result<()> {
    let NoiseConfig::DataNoise(of) = &mut config.training.noise else { return Ok(()) };
    let shape = config.base.dataset.shape();
    if let ([channels, height, width], true) = (&shape[..], of.dataset.shape() != shape) {
        of.dataset.set("size", [height, width])?;
        of.dataset.set("channels", channels)?;
    }
    Ok(())
}
