//! `ddpm train-classifier`: trains a small classifier of noisy samples, for `ddpm sample --classifier`.

use std::time::Instant;

use clap::Args;
use ddpm_tutor::models::ClassifierFolder;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::json;

use crate::common_options::{CommonOptions, set};
use crate::data_options::DataOptions;
use crate::list::names;
use crate::say::{note, say, say_if_possible};

/// The noise levels at which its accuracy is reported.
const SIGMAS: [f64; 5] = [0.0, 0.25, 0.5, 1.0, 2.0];

/// Trains a small classifier of noisy samples, which `ddpm sample --classifier` guides a model with, whatever its process. The data needs
/// classes: in an image-folder, each sub-folder is one.
#[derive(Args)]
pub struct TrainClassifier {
    /// The name of the new classifier; it gets a folder beside the models
    #[arg(long, value_name = "NAME")]
    model: String,
    /// The data to train on; by default that of the model given with --score-of
    #[arg(long, value_name = "NAME", value_parser = names(Dataset::ENTRIES), required_unless_present = "score_of")]
    dataset: Option<String>,
    #[command(flatten)]
    data: DataOptions,
    /// The most samples to train on; by default 20000 points or all images
    #[arg(long, value_name = "N")]
    dataset_size: Option<usize>,
    /// Also match the gradient of the classifier to what the score of this model lacks (denoising likelihood score matching); slower
    #[arg(long, value_name = "MODEL", conflicts_with = "clean")]
    score_of: Option<String>,
    /// Train on samples without noise. Such a classifier guides through the predicted data, at about twice the time, and serves as a judge
    /// of samples
    #[arg(long)]
    clean: bool,
    /// Widths of the layers, such as 16,32,64,64; every layer after the first halves the size of images
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',')]
    widths: Option<Vec<i64>>,
    /// How many times to go through the data; by default 20
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Samples per step
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Samples held out from training, at most an eighth; the accuracy is that on them
    #[arg(long, value_name = "N")]
    validation_samples: Option<usize>,
    /// The highest learning rate
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// The seed of the data, the weights, the noise and the order of the samples
    #[arg(long)]
    seed: Option<u64>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonOptions,
}

impl TrainClassifier {
    pub fn run(self) -> Result<()> {
        let (base, training) = self.configuration()?;
        let place = ClassifierFolder::new(&base.models_dir).place(&self.model)?;
        let dataloader = get_dataloader(&base, &training)?;
        let classes = dataloader.classes().to_vec();
        if classes.len() < 2 {
            return Err(Error::Unsupported(format!(
                "a classifier needs data with at least 2 classes, and {} has {}; use images with classes (in an image-folder each \
                 sub-folder is a class)",
                base.dataset.name(),
                if classes.len() == 1 { "only one" } else { "none" }
            )));
        }
        let mut config = NoisyClassifierConfig::new(&dataloader.sample_shape(), &classes);
        set(&mut config.widths, self.widths.clone());
        config.is_noisy = !self.clean;
        config.validate()?;
        let scored = self.score_of.as_ref().map(|name| self.scored(name)).transpose()?;
        tch::manual_seed(base.seed as i64);
        let classifier = NoisyClassifier::new(&config, base.compute.device.resolve()?)?;
        let denoiser = scored.as_ref().map(|(model, process)| model.denoiser(&**process));
        let mut learner = ClassifierLearner::new(&classifier);
        if let (Some(denoiser), Some((_, process))) = (&denoiser, &scored) {
            learner = learner.with_likelihood_score(denoiser, &**process, 1.0)?;
        }
        learner.check(&dataloader)?;
        dataloader.remarks().iter().for_each(note);
        if !self.json {
            say_if_possible(format!(
                "training {}: {} classes ({}), {} samples, {} epochs",
                self.model,
                classes.len(),
                classes.join(", "),
                dataloader.samples(),
                training.epochs
            ));
        }
        let started = Instant::now();
        let mut state = TrainingState::of_learner(&learner, &base, &training)?;
        let mut show = show_progress();
        while state.epoch() < training.epochs {
            train_one_epoch_of(&learner, &dataloader, &mut state, &mut show)?;
        }
        let loss = state.history().last().map(|loss| loss.mean);
        state.keep_averaged_weights()?;
        let accuracy = accuracies(&classifier, &dataloader)?;
        let (file, seconds) = (place.save(&classifier)?, started.elapsed().as_secs_f64());
        if self.json {
            let by_sigma: Vec<_> =
                accuracy.iter().map(|(sigma, share)| json!({ "sigma": sigma, "accuracy": share })).collect();
            return say(json!({
                "model": self.model, "classes": classes, "loss": loss, "accuracy": by_sigma, "seconds": seconds, "file": file,
            }));
        }
        say(format!("trained in {seconds:.1} s: {}", file.display()))?;
        let lines = accuracy.iter().map(|(sigma, share)| format!("  sigma {sigma:<4}  {:.1} %", 100.0 * share));
        say(format!("accuracy on held-out samples, by noise level:\n{}", lines.collect::<Vec<_>>().join("\n")))
    }

    /// The model whose score the classifier should complete.
    fn scored(&self, name: &str) -> Result<(Model, Box<dyn Process>)> {
        let manager = ModelManager::open(&self.common.base(), name)?;
        let (config, model) = (manager.config(), manager.get_model()?);
        manager.load_weights(&model, None, Weights::Ema)?;
        let process = get_process(&config.base, &config.training)?;
        Ok((model, process))
    }

    fn configuration(&self) -> Result<(BaseConfig, TrainingConfig)> {
        let mut base = self.common.base();
        let dataset_of = |name: &String| Ok::<_, Error>(ModelManager::open(&base, name)?.config().base.dataset.clone());
        let mut dataset = match (&self.dataset, &self.score_of) {
            (Some(name), _) => Dataset::from_name(name)?,
            (None, Some(name)) => dataset_of(name)?,
            (None, None) => Dataset::default(),
        };
        self.data.apply(&mut dataset)?;
        let are_images = dataset.is_images();
        base.dataset_size = self.dataset_size.unwrap_or(if are_images { BaseConfig::ALL } else { 20_000 });
        base.dataset = dataset;
        set(&mut base.seed, self.seed);
        let mut training = if are_images { TrainingConfig::for_images() } else { TrainingConfig::default() };
        (training.epochs, training.warmup_steps, training.learning_rate) = (20, 0, 2e-3);
        (training.batch_size, training.validation_samples) = (128, 512);
        // A short training: its average should not reach back to the first weights.
        training.ema_decay = 0.99;
        set(&mut training.epochs, self.epochs);
        set(&mut training.batch_size, self.batch_size);
        set(&mut training.validation_samples, self.validation_samples);
        set(&mut training.learning_rate, self.learning_rate);
        base.validate()?;
        training.validate()?;
        Ok((base, training))
    }
}

/// The accuracy at each noise level on held-out samples, or on those of the training if none are held out.
fn accuracies(classifier: &NoisyClassifier, dataloader: &DataLoader) -> Result<Vec<(f64, f64)>> {
    const MOST: i64 = 2_000;
    let batch = match dataloader.held_out_batch() {
        Some(held_out) => held_out,
        None => {
            note(
                "warning: no samples are held out: the accuracy is that on the training samples (--validation-samples)",
            );
            let x0 = dataloader.first(MOST);
            let label = dataloader.labels().map(|labels| labels.narrow(0, 0, x0.size()[0]));
            ddpm_tutor::objectives::Batch { x0, label }
        }
    };
    let Some(labels) = &batch.label else { return Ok(Vec::new()) };
    let sigmas = SIGMAS.iter().take(if classifier.config().is_noisy { SIGMAS.len() } else { 1 });
    sigmas.map(|sigma| Ok((*sigma, classifier.accuracy(&batch.x0, labels, *sigma)?))).collect()
}
