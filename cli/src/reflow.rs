//! `ddpm reflow`: a new model that learns straighter paths from the pairs of another one.

use std::fmt::{self, Display, Formatter};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use ddpm_tutor::models::train_on_pairs_until;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::json;

use crate::common_options::set;
use crate::model::Trained;
use crate::new_model_guard::NewModelGuard;
use crate::say::{count, say, say_if_possible};
use crate::stop::{STOPPED, Stop};

/// Draws pairs of noise and data from a trained model, and trains a new model on them whose paths from noise to data are straighter, so that it
/// needs fewer steps. The new model has the network and the settings of the other one, on the process flow. If it takes labels, the pairs are of each
/// class in turn. Ctrl-C or a signal ends the training and saves it; the same command resumes it.
#[derive(Args)]
pub struct Reflow {
    #[command(flatten)]
    trained: Trained,
    /// The name of the new model, or of one to train further
    #[arg(long, value_name = "NAME")]
    out_model: String,
    /// How many pairs to draw
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    pairs: u32,
    /// How many times to go through the pairs; by default as many steps as the model was trained for
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Pairs per step; by default the model's batch size
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// The highest learning rate; by default the model's
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// The seed of the pairs and of the training; by default the model's
    #[arg(long)]
    seed: Option<u64>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Reflow {
    pub fn run(self) -> Result<ExitCode> {
        let (teacher, model, process) = self.trained.load()?;
        let sampling = model.sampling().clone();
        let config = self.configuration(&teacher, &sampling)?;
        ModelManager::check(&self.out_model, &config)?;
        config.validate()?;
        let student = get_model(&config.base, &config.network, &config.training)?;
        let flow = get_process(&config.base, &config.training)?;
        let started = Instant::now();
        let noise = draw_noise_of_pairs(&model, &*process, i64::from(self.pairs), config.base.seed)?;
        // In turn, so that every class has as many pairs.
        let classes = model.classes() as usize;
        let labels: Vec<usize> = (0..classes).cycle().take(self.pairs as usize).collect();
        let denoiser = if classes > 0 {
            let of_each: Vec<i64> = labels.iter().map(|label| *label as i64).collect();
            model.denoiser_given(&*process, Given::label(Tensor::from_slice(&of_each)))?
        } else {
            model.denoiser(&*process)
        };
        let clipped = Clipped::new(&denoiser, &*process);
        let seen: &dyn Denoiser = if sampling.clip_denoised { &clipped } else { &denoiser };
        let threads = threads_for(&model);
        let rows = reflow_pairs(&sampling.sampler, seen, &*process, noise, &mut quiet())?;
        drop(threads);
        let drawn = started.elapsed().as_secs_f64();
        let pairs = if classes > 0 {
            let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            DataLoader::labelled(rows, &labels, &names, &config.base, &config.training)?
        } else {
            DataLoader::new(rows, &config.base, &config.training)?
        };
        PairLearner::new(&student, &*flow, FlowMatching::default()).check(&pairs)?;
        let is_new = !config.base.models_dir.join(&self.out_model).exists();
        let (manager, lock) = ModelManager::to_train(&self.out_model, config)?;
        let _guard = is_new.then_some(NewModelGuard(&manager));
        if !self.json {
            let pairs = count(i64::from(self.pairs), "pair");
            say_if_possible(format!("drew {pairs} from {} in {drawn:.1} s", teacher.name()));
        }
        let stop = Stop::listen(manager.folder())?;
        let (mut show, requested) = (show_progress(), stop.clone());
        let stops = move || requested.is_requested();
        let state = train_on_pairs_until(&manager, &lock, &student, &pairs, &*flow, &mut show, stops)?;
        stop.clear()?;
        let (seconds, loss) = (started.elapsed().as_secs_f64(), state.history().last().map(|loss| loss.mean));
        let stopped = state.is_stopped();
        let epochs = state.epoch();
        if self.json {
            say(json!({
                "model": self.out_model, "pairs": self.pairs, "epochs": epochs, "loss": loss, "stopped": stopped, "seconds": seconds,
            }))?;
        } else if stopped {
            say(format!(
                "stopped after {}, and saved: the same command resumes from there",
                count(epochs as u64, "epoch")
            ))?;
        } else {
            say(format!("trained {} for {} in {seconds:.1} s", self.out_model, count(epochs as u64, "epoch")))?;
        }
        Ok(if stopped { ExitCode::from(STOPPED) } else { ExitCode::SUCCESS })
    }

    /// The configuration of the new model: that of the other one, with the pairs as its data.
    fn configuration(&self, teacher: &ModelManager, sampling: &SamplingConfig) -> Result<ModelConfig> {
        let (of, name) = (teacher.config(), teacher.name());
        let existing = match ModelManager::open(&of.base, &self.out_model) {
            Ok(manager) => Some(manager),
            Err(Error::NoModel { .. }) => None,
            Err(error) => return Err(error),
        };
        let chosen = Progress::of(teacher, self.trained.checkpoint())?;
        let mut config = of.clone();
        let ModelConfig { base, training, .. } = &mut config;
        let is_flow = matches!(of.training.process(), ProcessConfig::Flow(_));
        if !is_flow && training.noise != NoiseConfig::default() {
            let noise = training.noise.name();
            let problem =
                format!("reflow leads to Gaussian noise on the process flow, and the noise of {name} is {noise}");
            return Err(Error::Unsupported(problem));
        }
        if !is_flow {
            training.process = Some(Flow.into());
            training.parameterization = Velocity.into();
        }
        // Weights with another meaning are no start.
        training.start_from = is_flow.then(|| name.to_owned());
        let weights = match self.trained.weights() {
            Weights::Ema => "ema",
            Weights::Raw => "raw",
        };
        let is_newest = || Ok::<_, Error>(weights == "ema" && chosen == Progress::of(teacher, None)?);
        if is_flow && !existing.as_ref().is_some_and(ModelManager::has_checkpoint) && !is_newest()? {
            let problem = format!(
                "the new model starts from the newest averaged weights of {name}, so the pairs have to be drawn with them, too: omit --checkpoint \
                 and --weights"
            );
            return Err(Error::Unsupported(problem));
        }
        let sampler = json!(sampling.sampler);
        let clipped = if sampling.clip_denoised { ", clipped," } else { "" };
        let origin =
            format!("{} pairs of {name}, with its {weights} weights after {chosen},{clipped} by {sampler}", self.pairs);
        let coupling = GivenPairs { origin }.into();
        training.objective = FlowMatching { coupling, ..Default::default() }.into();
        training.sampling.sampler = Ddim { steps: Some(2), layout: Trailing.into(), ..Default::default() }.into();
        training.learning_rate_from_epoch = 0;
        base.dataset_size = self.pairs as usize;
        set(&mut training.batch_size, self.batch_size);
        set(&mut training.learning_rate, self.learning_rate);
        set(&mut base.seed, self.seed);
        let held_out = training.validation_samples.min(base.dataset_size / 8);
        let batches = (base.dataset_size - held_out).div_ceil(training.batch_size.max(1));
        training.epochs = match (self.epochs, chosen.steps) {
            (Some(epochs), _) => epochs,
            (None, Some(steps)) => (steps as usize).div_ceil(batches),
            (None, None) => {
                let problem = format!(
                    "how many steps {name} was trained for is not known, since it has weights alone: give --epochs"
                );
                return Err(Error::Unsupported(problem));
            }
        };
        // That of a training that is resumed is fixed.
        training.warmup_steps = match &existing {
            Some(student) => student.config().training.warmup_steps,
            None => training.fitting_warmup((training.epochs * batches) as u64),
        };
        Ok(config)
    }
}

/// How far a model has been trained at a checkpoint.
#[derive(PartialEq)]
struct Progress {
    epochs: usize,
    /// Unknown for weights alone of images, such as imported ones.
    steps: Option<u64>,
}

impl Progress {
    fn of(teacher: &ModelManager, checkpoint: Option<usize>) -> Result<Self> {
        let epochs = teacher.history(checkpoint)?.len();
        let ModelConfig { base, network, training } = teacher.config();
        let network = get_model(base, network, training)?;
        // Of points, all that are asked for are there.
        let of_points = || {
            let batches = base.dataset_size.div_ceil(training.batch_size);
            (!base.dataset.is_images() && epochs > 0).then_some((epochs * batches) as u64)
        };
        let steps = teacher.load_checkpoint(&network, checkpoint).ok().map(|state| state.steps()).or_else(of_points);
        Ok(Self { epochs, steps })
    }
}

impl Display for Progress {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.steps {
            Some(steps) => write!(f, "{steps} steps"),
            None => write!(f, "{} epochs", self.epochs),
        }
    }
}

/// Pairs are not shown.
fn quiet() -> InferenceLogger {
    InferenceLogger::new(InferType::None).quiet()
}
