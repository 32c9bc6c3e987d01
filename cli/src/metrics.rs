//! `ddpm metrics`: compares two sets of samples, in files or folders.

use std::path::{Path, PathBuf};

use clap::Args;
use ddpm_tutor::features::FeatureNetwork;
use ddpm_tutor::metrics::require_vectors;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::{Map, Value, json};

use crate::image_features::{FeatureSet, IMAGE_METRICS, ImageFeatures};
use crate::list::names;
use crate::npy::read_samples;
use crate::say::{count, note, say};

/// The metrics for points if none is named: quick ones that suit any points.
const POINT_METRICS: [&str; 6] =
    ["sliced_wasserstein", "mmd", "energy_distance", "frechet_distance", "precision", "recall"];

#[derive(Args)]
pub struct Metrics {
    /// The samples: a .npy file of shape [N, D] or [N, C, H, W], float32 or float64, or a folder of images
    #[arg(long, value_name = "FILE|FOLDER")]
    a: PathBuf,
    /// The data or other samples, in the same form
    #[arg(long, value_name = "FILE|FOLDER")]
    b: PathBuf,
    /// The metrics to compute (`ddpm list metrics`); by default six of them
    #[arg(long = "metric", value_name = "NAME", num_args = 1.., value_parser = names(MetricConfig::ENTRIES))]
    metrics: Vec<String>,
    /// The most samples to use from each set, drawn at random; by default all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    n: Option<i64>,
    /// The seed of random subsets, directions and permutations
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Also test whether both sets come from the same distribution, with P random permutations, and report the p-value.
    /// It cannot be below 1 / (P + 1): 19 permutations give at least 0.05, 99 at least 0.01
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    permutations: Option<u64>,
    #[command(flatten)]
    images: ImageFeatures,
    /// Folders: the side length that images are resized to; by default 32, or 299 with --inception
    #[arg(long, value_name = "SIDE", value_parser = clap::value_parser!(i64).range(1..=4096))]
    image_size: Option<i64>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// A set of samples, ready to be compared.
struct SampleSet {
    /// `[N, D]`: the points themselves, or the features that a network extracts from the images.
    vectors: Tensor,
    /// For images only.
    images: Option<FeatureSet>,
}

/// The value of a metric on the two sets.
struct MetricResult {
    name: &'static str,
    value: f64,
    lower_is_better: bool,
    p: Option<f64>,
}

impl Metrics {
    pub fn run(self) -> Result<()> {
        let (a, b) = (self.samples(&self.a)?, self.samples(&self.b)?);
        let network = if a.dim() == 4 || b.dim() == 4 { Some(self.images.network(Device::Cpu)?) } else { None };
        if a.dim() != b.dim() && network.is_some() {
            let (images, points) = if a.dim() == 4 { (&self.a, &self.b) } else { (&self.b, &self.a) };
            let problem = format!(
                "{} contains images, but {} does not: give two sets of the same kind",
                images.display(),
                points.display()
            );
            return Err(Error::Unsupported(problem));
        }
        if network.is_none() && (self.images.is_given() || self.image_size.is_some()) {
            note("warning: --inception and --image-size have no effect: the samples are not images");
        }
        let prepare = |samples, path| prepare(samples, network.as_deref()).map_err(with_path(path));
        let (a, b) = (prepare(&a, &self.a)?, prepare(&b, &self.b)?);
        let default = if network.is_some() { IMAGE_METRICS } else { POINT_METRICS };
        let names = if self.metrics.is_empty() { default.map(str::to_owned).to_vec() } else { self.metrics.clone() };
        let metrics = names.iter().map(|name| MetricConfig::from_name(name)).collect::<Result<Vec<_>>>()?;
        let compared =
            metrics.into_iter().map(|metric| self.compare(metric.with_seed(self.seed), &a.vectors, &b.vectors));
        let found = compared.collect::<Result<Vec<MetricResult>>>()?;
        let (n_a, n_b) = (a.vectors.size()[0], b.vectors.size()[0]);
        let features = network.map(|network| network.description());
        if self.json {
            let mut result = self.as_json(&found, n_a, n_b);
            if let (Some(features), Some(of_a), Some(of_b)) = (features, &a.images, &b.images) {
                result.insert("features".to_owned(), json!(features));
                result.insert("class_score".to_owned(), FeatureSet::scores(of_a, of_b));
            }
            return say(Value::Object(result));
        }
        let on = features.map(|features| format!(", on the features of {features}")).unwrap_or_default();
        say(format!("{n_a} of {} against {n_b} of {}{on}", self.a.display(), self.b.display()))?;
        let width = found.iter().map(|found| found.name.len()).max().unwrap_or(0);
        found.iter().try_for_each(|MetricResult { name, value, lower_is_better, p }| {
            let direction = if *lower_is_better { "lower is better" } else { "higher is better" };
            let p = p.map(|p| format!("  p = {p:.4}")).unwrap_or_default();
            say(format!("{name:width$}  {value:>10.6}  {direction:16}{p}").trim_end())
        })?;
        if let (Some(a), Some(b)) = (a.images, b.images) {
            say(format!("{:width$}  {:.3} and {:.3}  higher is better", "class_score", a.class_score, b.class_score))?;
        }
        self.permutations.map_or(Ok(()), |permutations| {
            say(format!(
                "p tests whether both sets come from the same distribution: a small p says that they do not. With {}, it cannot be \
                 below {:.4}",
                count(permutations, "permutation"),
                1.0 / (permutations as f64 + 1.0)
            ))
        })
    }

    /// Reads the samples of a file or folder, at most as many as requested.
    fn samples(&self, path: &Path) -> Result<Tensor> {
        let side = self.image_size.unwrap_or(self.images.side());
        let samples = if path.is_dir() { read_images(path, side, self.n, self.seed)? } else { read_samples(path)? };
        if samples.dim() != 4 {
            // Before a subset is drawn, so that the error names the right row of the file.
            require_vectors("samples", &samples, 1).map_err(with_path(path))?;
        }
        let Some(n) = self.n else { return Ok(samples) };
        let available = samples.size()[0];
        if available < n {
            note(format!("{} has only {available} samples, not {n}: all are used", path.display()));
        }
        Ok(random_subset(&samples, n, self.seed))
    }

    fn compare(&self, metric: MetricConfig, a: &Tensor, b: &Tensor) -> Result<MetricResult> {
        let built = metric.build();
        let with_name = |error: Error| Error::Unsupported(format!("{}: {error}", metric.name()));
        let value = built.compare(a, b).map_err(with_name)?;
        let test = |permutations| permutation_test(&*built, a, b, permutations as usize, self.seed);
        let p = self.permutations.map(test).transpose()?;
        Ok(MetricResult { name: metric.name(), value, lower_is_better: built.lower_is_better(), p })
    }

    /// The JSON result, with one key per metric.
    fn as_json(&self, found: &[MetricResult], n_a: i64, n_b: i64) -> Map<String, Value> {
        let mut result = Map::from_iter([
            ("a".to_owned(), json!(self.a)),
            ("b".to_owned(), json!(self.b)),
            ("n_a".to_owned(), json!(n_a)),
            ("n_b".to_owned(), json!(n_b)),
            ("seed".to_owned(), json!(self.seed)),
        ]);
        result.extend(found.iter().map(|found| (found.name.to_owned(), json!(found.value))));
        if let Some(permutations) = self.permutations {
            let p_values: Map<String, Value> =
                found.iter().map(|found| (found.name.to_owned(), json!(found.p))).collect();
            result.extend([
                ("permutations".to_owned(), json!(permutations)),
                ("p_values".to_owned(), Value::Object(p_values)),
            ]);
        }
        result
    }
}

/// Extracts the features of images; points stay as they are.
fn prepare(samples: &Tensor, network: Option<&dyn FeatureNetwork>) -> Result<SampleSet> {
    let Some(network) = network else { return Ok(SampleSet { vectors: samples.shallow_clone(), images: None }) };
    let images = FeatureSet::new(network, samples)?;
    Ok(SampleSet { vectors: images.features.shallow_clone(), images: Some(images) })
}

/// Adds the file's name to an error.
fn with_path(path: &Path) -> impl Fn(Error) -> Error {
    move |error| Error::Path { path: path.to_owned(), problem: error.to_string() }
}

/// Reads at most `max` images of a folder: `[N, C, H, W]` in `[-1, 1]`. Remarks about them go to stderr.
fn read_images(folder: &Path, side: i64, max: Option<i64>, seed: u64) -> Result<Tensor> {
    let loaded = ImageFolder { path: folder.to_owned(), size: [side, side], ..Default::default() }
        .load(max.map_or(usize::MAX, |n| n as usize), seed)?;
    loaded.remarks.iter().for_each(note);
    let shape: Vec<i64> = loaded.pixels.shape().iter().map(|size| *size as i64).collect();
    let bytes: Vec<u8> = loaded.pixels.iter().copied().collect();
    Ok(Tensor::from_slice(&bytes).f_view(&shape[..])?.to_kind(Kind::Float) / 127.5 - 1.0)
}
