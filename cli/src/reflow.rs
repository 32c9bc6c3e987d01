//! `ddpm reflow`: a new model that learns straighter paths from the pairs of another one.

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
/// needs fewer steps. The new model has the network and the settings of the other one, on the process flow. Ctrl-C or a signal ends the
/// training and saves it; the same command resumes it.
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
        let config = self.configuration(teacher.config(), teacher.name(), &sampling)?;
        ModelManager::check(&self.out_model, &config)?;
        config.validate()?;
        let student = get_model(&config.base, &config.network, &config.training)?;
        let flow = get_process(&config.base, &config.training)?;
        let started = Instant::now();
        let noise = draw_noise(&model, &*process, i64::from(self.pairs), config.base.seed)?;
        let denoiser = model.denoiser(&*process);
        let clipped = Clipped::new(&denoiser, &*process);
        let seen: &dyn Denoiser = if sampling.clip_denoised { &clipped } else { &denoiser };
        let threads = threads_for(&model);
        let rows = reflow_pairs(&sampling.sampler, seen, &*process, noise, &mut quiet())?;
        drop(threads);
        let drawn = started.elapsed().as_secs_f64();
        let pairs = DataLoader::new(rows, &config.base, &config.training)?;
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
    fn configuration(&self, of: &ModelConfig, name: &str, sampling: &SamplingConfig) -> Result<ModelConfig> {
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
        let sampler = json!(sampling.sampler);
        let origin = format!("{} pairs of {name} with {sampler}", self.pairs);
        let coupling = GivenPairs { origin }.into();
        training.objective = FlowMatching { coupling, ..Default::default() }.into();
        training.sampling.sampler = Ddim { steps: Some(2), layout: Trailing.into(), ..Default::default() }.into();
        training.learning_rate_from_epoch = 0;
        let (before, now) = (of.base.dataset_size, self.pairs as usize);
        // Of all images, the number is not known before they are read.
        let same_steps = (training.epochs * before.min(100_000)).div_ceil(now);
        training.epochs = self.epochs.unwrap_or(same_steps);
        base.dataset_size = now;
        set(&mut training.batch_size, self.batch_size);
        set(&mut training.learning_rate, self.learning_rate);
        set(&mut base.seed, self.seed);
        training.warmup_steps = training.fitting_warmup((training.epochs * now.div_ceil(training.batch_size)) as u64);
        Ok(config)
    }
}

/// Pairs are not shown.
fn quiet() -> InferenceLogger {
    InferenceLogger::new(InferType::None).quiet()
}
