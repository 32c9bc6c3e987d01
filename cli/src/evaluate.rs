//! `ddpm evaluate`: how close a model's samples are to the data; for images, how well the model predicts the noise in
//! held-out ones.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::features::FeatureNetwork;
use ddpm_tutor::metrics::compare_with_fresh_data;
use ddpm_tutor::models::ClassifierFolder;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::json;

use crate::image_features::{FeatureSet, IMAGE_METRICS, ImageFeatures};
use crate::label_options::{LabelOptions, Labels};
use crate::ladder::LadderOptions;
use crate::model::{DataFolder, Trained};
use crate::say::{note, say};
use crate::start_message::process_name;

/// What the JSON result contains besides the sliced distance.
const FURTHER_METRICS: [&str; 4] = ["mmd", "energy_distance", "precision", "recall"];
/// The fewest samples that these metrics work with, and the most that they are given: their time grows with the square.
const MIN_SAMPLES: i64 = 4;
const MAX_SAMPLES: i64 = 5_000;
/// The most images of the data that samples are compared with.
const MAX_IMAGES: i64 = 10_000;

#[derive(Args)]
pub struct Evaluate {
    #[command(flatten)]
    trained: Trained,
    #[command(flatten)]
    labels: LabelOptions,
    #[command(flatten)]
    data: DataFolder,
    /// How many samples to compare with data; by default 20000 points, but no images, since drawing them takes long
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    n: Option<i64>,
    #[command(flatten)]
    features: ImageFeatures,
    /// Images, with --label: also print how often this classifier (`ddpm train-classifier`) finds the class that was asked for, and the class
    /// of held-out images. It should not be the one that guides
    #[arg(long, value_name = "NAME", requires = "label")]
    judge: Option<String>,
    /// How many times to evaluate, each time with new samples and new data; the means are reported
    #[arg(long, value_name = "R", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    repeats: u64,
    /// The seed of the samples, the fresh data and the directions
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Also draw the loss of each training epoch into this file (.svg)
    #[arg(long, value_name = "FILE")]
    curve: Option<PathBuf>,
    /// Add the losses of this model, from the same folder, as dashed lines
    #[arg(long, value_name = "NAME", requires = "curve")]
    reference: Option<String>,
    #[command(flatten)]
    ladder: LadderOptions,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    pub fn run(self) -> Result<()> {
        let (manager, model, process) = self.trained.load()?;
        let dataset = self.data.dataset(manager.config())?;
        let labels = self.labels.labels(&manager, &model, &dataset)?;
        if let Some(file) = &self.curve {
            self.loss_curve(&manager)?.save(file)?;
        }
        if self.ladder.is_given() {
            let n = self.n.unwrap_or(if manager.config().base.dataset.is_images() { 256 } else { 20_000 });
            let mut config = manager.config().clone();
            config.base.dataset = dataset;
            return self.ladder.run(&config, &model, &*process, [n as u64, self.seed], self.json);
        }
        if manager.config().base.dataset.is_images() {
            return self.evaluate_images(&manager, &model, &*process, labels.as_ref());
        }
        if self.judge.is_some() {
            return Err(Error::Unsupported("--judge is for images".to_owned()));
        }
        if self.features.is_given() {
            note("warning: --inception has no effect: the data are not images");
        }
        let n = self.n.unwrap_or(20_000);
        let (mut runs, mut more) = (Vec::new(), Vec::new());
        let seeds = (0..self.repeats).map(|k| self.seed.wrapping_add(k));
        for seed in progress("evaluation", seeds) {
            let mut quiet = InferenceLogger::new(InferType::None);
            let samples = Labels::samples(labels.as_ref(), &model, &*process, n, seed, &mut quiet)?;
            require_in_range(&samples, &*process)?;
            runs.push(evaluate(&samples, &dataset, seed)?);
            if self.json && n >= MIN_SAMPLES {
                more.push(further_metrics(&samples, &dataset, seed)?);
            }
        }
        let mean = Evaluation::mean(&runs);
        if self.json {
            let metrics = (!more.is_empty()).then(|| mean_of_each(&more));
            return say(json!({
                "model": manager.name(), "seed": self.seed, "repeats": self.repeats, "evaluation": mean, "runs": runs,
                "metrics": metrics,
            }));
        }
        let times = if self.repeats == 1 { String::new() } else { format!(", mean of {}", self.repeats) };
        say(format!("{}, {} samples against fresh {}{times}: {mean}", manager.name(), n, dataset.name()))
    }

    fn loss_curve(&self, manager: &ModelManager) -> Result<Picture> {
        let history = self.trained.history(manager)?;
        let Some(name) = &self.reference else {
            return visualize_training(&history);
        };
        let reference = self.trained.other_model(name)?;
        let learned = |manager: &ModelManager| {
            let config = manager.config();
            format!("{} with {}", config.base.dataset.name(), process_name(&config.training))
        };
        let (of_this, of_that) = (learned(manager), learned(&reference));
        if of_this != of_that {
            note(format!(
                "warning: {} learned {of_this}, but {name} learned {of_that}: their losses cannot be compared",
                manager.name()
            ));
        }
        visualize_training_beside(&history, name, &reference.history(None)?)
    }

    fn evaluate_images(
        &self,
        manager: &ModelManager,
        model: &Model,
        process: &dyn Process,
        labels: Option<&Labels>,
    ) -> Result<()> {
        if labels.is_some() && self.n.is_none() {
            note("warning: --label has no effect without --n: no samples are drawn");
        }
        let config = manager.config();
        let coupling = config.training.objective.coupling();
        if let (Some(coupling), None) = (coupling, self.n) {
            let problem = format!(
                "the validation loss judges a network by independent noise, and with the coupling {:?} the noise of {} belongs to the data: compare \
                 samples, with --n",
                coupling.name(),
                manager.name()
            );
            return Err(Error::Unsupported(problem));
        }
        let dataloader = self.data.dataloader(config)?;
        let held_out = dataloader.held_out_batch().filter(|_| coupling.is_none());
        if held_out.is_none() && self.n.is_none() {
            let problem = format!(
                "{} was trained on all of its images: no held-out images are left to evaluate it on",
                manager.name()
            );
            return Err(Error::Unsupported(problem));
        }
        let images = held_out.as_ref().map_or(0, |batch| batch.x0.size()[0]);
        let network = self.n.map(|_| self.features.network(model.device())).transpose()?;
        let judge = self.judge.as_ref().map(|name| judge(name, config, &dataloader, model.device())).transpose()?;
        let of_held_out = match (&judge, &held_out) {
            (Some(judge), Some(Batch { x0, label: Some(label) })) => Some(judge.accuracy(x0, label, 0.0)?),
            _ => None,
        };
        if images > 0 {
            // This can take a while on a CPU.
            note(format!("computing the validation loss on {images} images"));
        }
        let loss = held_out.map(|batch| validation_loss(model, process, &batch)).transpose()?;
        let compared = match (&network, self.n) {
            (Some(network), Some(n)) => {
                let judge = judge.as_ref().zip(labels);
                Some(self.compare_images(&**network, model, process, &dataloader, (labels, judge), n)?)
            }
            _ => None,
        };
        let (name, features) = (manager.name(), network.map(|network| network.description()));
        if self.json {
            return say(json!({
                "model": name, "validation_loss": loss, "images": images, "metrics": compared, "features": features,
                "judged_held_out": of_held_out,
            }));
        }
        let dataset = config.base.dataset.name();
        if let Some(loss) = loss {
            say(format!("{name}, validation loss on {images} held-out images of {dataset}: {loss:.4}"))?;
        }
        let (Some(compared), Some(features)) = (compared, features) else { return Ok(()) };
        let [n, data] = ["n", "n_data"].map(|name| compared[name]);
        say(format!("{name}, {n} samples against {data} images of {dataset}, on the features of {features}:"))?;
        IMAGE_METRICS
            .iter()
            .chain(&["class_score"])
            .try_for_each(|name| say(format!("{name:17}  {:.6}", compared[name])))?;
        let Some(judged) = compared.get("judged") else { return Ok(()) };
        say(format!(
            "the judge finds the requested class in {:.1} % of the samples{}",
            100.0 * judged,
            of_held_out.map_or_else(String::new, |share| format!(
                ", and the class of {:.1} % of the held-out images",
                100.0 * share
            ))
        ))
    }

    /// Compares samples of the model with the images that it learned from (with those of the samples' classes, if
    /// labels are given) on the features that the network extracts from both.
    fn compare_images(
        &self,
        network: &dyn FeatureNetwork,
        model: &Model,
        process: &dyn Process,
        dataloader: &DataLoader,
        (labels, judge): (Option<&Labels>, Option<(&NoisyClassifier, &Labels)>),
        n: i64,
    ) -> Result<BTreeMap<&'static str, f64>> {
        note(format!("drawing {n} samples"));
        let mut quiet = InferenceLogger::new(InferType::None);
        let samples = Labels::samples(labels, model, process, n, self.seed, &mut quiet)?;
        let data = dataloader.first(dataloader.samples());
        let data = match (labels, dataloader.labels()) {
            (Some(labels), Some(of_each)) => labels.select(&data, of_each),
            _ => data,
        };
        let data = random_subset(&data, MAX_IMAGES, self.seed);
        let judged = judge.map(|(judge, labels)| judge.accuracy(&samples, &labels.in_turn(n), 0.0)).transpose()?;
        let (samples, data) = (FeatureSet::new(network, &samples)?, FeatureSet::new(network, &data)?);
        let mut found = BTreeMap::from([
            ("n", n as f64),
            ("n_data", data.features.size()[0] as f64),
            ("class_score", samples.class_score),
        ]);
        found.extend(judged.map(|share| ("judged", share)));
        for name in IMAGE_METRICS {
            let metric = MetricConfig::from_name(name)?.with_seed(self.seed).build();
            found.insert(name, metric.compare(&samples.features, &data.features)?);
        }
        Ok(found)
    }
}

/// The classifier that judges samples, which has to know the classes of the data.
fn judge(name: &str, config: &ModelConfig, dataloader: &DataLoader, device: Device) -> Result<NoisyClassifier> {
    let judge = ClassifierFolder::new(&config.base.models_dir).read(name, device)?;
    if judge.config().classes == dataloader.classes() {
        return Ok(judge);
    }
    let problem = format!(
        "the judge {name} knows the classes {}, and the data has {}",
        judge.config().classes.join(", "),
        dataloader.classes().join(", ")
    );
    Err(Error::Unsupported(problem))
}

/// Further metrics by name, with the number of samples that they were computed on.
fn further_metrics(samples: &Tensor, dataset: &Dataset, seed: u64) -> Result<BTreeMap<&'static str, f64>> {
    let n = samples.size()[0].min(MAX_SAMPLES);
    let samples = samples.narrow(0, 0, n).to_device(Device::Cpu);
    let mut found = BTreeMap::from([("n", n as f64)]);
    for name in FURTHER_METRICS {
        found.insert(name, compare_with_fresh_data(&samples, dataset, MetricConfig::from_name(name)?, seed)?);
    }
    if let Dataset::EightGaussians(set) = dataset {
        let modes = Tensor::from_slice(&EightGaussians::centres().concat()).view([-1, 2]);
        let modes = modes_covered(&samples, &modes, 3.0 * set.noise)?;
        found.extend([("modes_covered", modes.covered as f64), ("share_near_modes", modes.share_near())]);
    }
    Ok(found)
}

fn mean_of_each(runs: &[BTreeMap<&'static str, f64>]) -> BTreeMap<&'static str, f64> {
    let mean = |name: &str| runs.iter().map(|run| run[name]).sum::<f64>() / runs.len() as f64;
    runs[0].keys().map(|name| (*name, mean(name))).collect()
}
