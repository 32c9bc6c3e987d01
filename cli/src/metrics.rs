//! `ddpm metrics`: compares two sets of samples, in files or folders.

use std::path::{Path, PathBuf};

use clap::Args;
use ddpm_tutor::features::FeatureNetwork;
use ddpm_tutor::metrics::require_vectors;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::{Map, Value, json};

use crate::image_features::{ImageFeatures, OF_IMAGES, Seen};
use crate::list::names;
use crate::npy::read_samples;
use crate::say::{note, say};

/// What is computed of points where no metric is named: what is quick, and says something of any points.
const OF_POINTS: [&str; 6] =
    ["sliced_wasserstein", "mmd", "energy_distance", "frechet_distance", "precision", "recall"];

#[derive(Args)]
pub struct Metrics {
    /// The samples: a .npy of shape [N, D] or [N, C, H, W], float32 or float64, or a folder of images
    #[arg(long, value_name = "FILE|FOLDER")]
    a: PathBuf,
    /// The data, or other samples, likewise
    #[arg(long, value_name = "FILE|FOLDER")]
    b: PathBuf,
    /// Which metrics (`ddpm list metrics`); six of them where it is left out
    #[arg(long = "metric", value_name = "NAME", num_args = 1.., value_parser = names(MetricConfig::ENTRIES))]
    metrics: Vec<String>,
    /// At most how many of each set, drawn at random; all where it is left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    n: Option<i64>,
    /// The seed of what is drawn, directions and permutations
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Also run a permutation test with this many permutations, and report its p-value
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    permutations: Option<u64>,
    #[command(flatten)]
    images: ImageFeatures,
    /// Folders: the side that images are brought to; 32, or with --inception 299, where it is left out
    #[arg(long, value_name = "SIDE", value_parser = clap::value_parser!(i64).range(1..=4096))]
    image_size: Option<i64>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// A set of samples, as it is compared.
struct Set {
    /// `[N, D]`: points themselves, and of images the features that a network finds in them.
    vectors: Tensor,
    /// Of images.
    seen: Option<Seen>,
}

/// What a metric says of the two sets.
struct Found {
    name: &'static str,
    value: f64,
    p: Option<f64>,
}

impl Metrics {
    pub fn run(self) -> Result<()> {
        let (a, b) = (self.samples(&self.a)?, self.samples(&self.b)?);
        let network = if a.dim() == 4 || b.dim() == 4 { Some(self.images.network(Device::Cpu)?) } else { None };
        if a.dim() != b.dim() && network.is_some() {
            let (images, points) = if a.dim() == 4 { (&self.a, &self.b) } else { (&self.b, &self.a) };
            let problem =
                format!("{} holds images, {} does not: name two sets of one kind", images.display(), points.display());
            return Err(Error::Unsupported(problem));
        }
        if network.is_none() && (self.images.is_given() || self.image_size.is_some()) {
            note("warning: --inception and --image-size have no effect: these are not images");
        }
        let set = |samples: &Tensor, path: &Path| self.set(samples, network.as_deref()).map_err(of_file(path));
        let (a, b) = (set(&a, &self.a)?, set(&b, &self.b)?);
        let default = if network.is_some() { OF_IMAGES } else { OF_POINTS };
        let names = if self.metrics.is_empty() { default.map(str::to_owned).to_vec() } else { self.metrics.clone() };
        let metrics = names.iter().map(|name| MetricConfig::from_name(name)).collect::<Result<Vec<_>>>()?;
        let compared =
            metrics.into_iter().map(|metric| self.compare(metric.with_seed(self.seed), &a.vectors, &b.vectors));
        let found = compared.collect::<Result<Vec<Found>>>()?;
        let (n_a, n_b) = (a.vectors.size()[0], b.vectors.size()[0]);
        let features = network.map(|network| network.what());
        if self.json {
            let mut result = self.as_json(&found, n_a, n_b);
            if let (Some(features), Some(of_a), Some(of_b)) = (features, &a.seen, &b.seen) {
                result.insert("features".to_owned(), json!(features));
                result.insert("class_score".to_owned(), Seen::scores(of_a, of_b));
            }
            return say(Value::Object(result));
        }
        let on = features.map(|features| format!(", on the features of {features}")).unwrap_or_default();
        say(format!("{n_a} of {} against {n_b} of {}{on}", self.a.display(), self.b.display()))?;
        let width = found.iter().map(|found| found.name.len()).max().unwrap_or(0);
        found.iter().try_for_each(|Found { name, value, p }| {
            let p = p.map(|p| format!("  p = {p:.4}")).unwrap_or_default();
            say(format!("{name:width$}  {value:.6}{p}"))
        })?;
        match (a.seen, b.seen) {
            (Some(a), Some(b)) => {
                say(format!("{:width$}  {:.3} and {:.3}", "class_score", a.class_score, b.class_score))
            }
            _ => Ok(()),
        }
    }

    /// The samples of a file or folder, at most as many as are asked for.
    fn samples(&self, path: &Path) -> Result<Tensor> {
        let side = self.image_size.unwrap_or(self.images.side());
        let samples = if path.is_dir() { images(path, side, self.n, self.seed)? } else { read_samples(path)? };
        if samples.dim() != 4 {
            // Before it is drawn from: what is not finite is named with its row.
            require_vectors("samples", &samples, 1).map_err(of_file(path))?;
        }
        let Some(n) = self.n else { return Ok(samples) };
        let there = samples.size()[0];
        if there < n {
            note(format!("{} has {there} samples, not {n}: all are used", path.display()));
        }
        Ok(random_subset(&samples, n, self.seed))
    }

    fn set(&self, samples: &Tensor, network: Option<&dyn FeatureNetwork>) -> Result<Set> {
        let Some(network) = network else { return Ok(Set { vectors: samples.shallow_clone(), seen: None }) };
        let seen = Seen::by(network, samples)?;
        Ok(Set { vectors: seen.features.shallow_clone(), seen: Some(seen) })
    }

    fn compare(&self, metric: MetricConfig, a: &Tensor, b: &Tensor) -> Result<Found> {
        let built = metric.build();
        let of_metric = |error: Error| Error::Unsupported(format!("{}: {error}", metric.name()));
        let value = built.compare(a, b).map_err(of_metric)?;
        let test = |permutations| permutation_test(&*built, a, b, permutations as usize, self.seed);
        Ok(Found { name: metric.name(), value, p: self.permutations.map(test).transpose()? })
    }

    /// The metrics stand under their names.
    fn as_json(&self, found: &[Found], n_a: i64, n_b: i64) -> Map<String, Value> {
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

fn of_file(path: &Path) -> impl Fn(Error) -> Error {
    move |error| Error::Path { path: path.to_owned(), problem: error.to_string() }
}

/// The images of a folder, at most `most` of them, `[N, C, H, W]` in `[-1, 1]`. What is to be said of them goes to stderr.
fn images(folder: &Path, side: i64, most: Option<i64>, seed: u64) -> Result<Tensor> {
    let loaded = ImageFolder { path: folder.to_owned(), size: [side, side], ..Default::default() }
        .load(most.map_or(usize::MAX, |n| n as usize), seed)?;
    loaded.remarks.iter().for_each(note);
    let shape: Vec<i64> = loaded.pixels.shape().iter().map(|size| *size as i64).collect();
    let bytes: Vec<u8> = loaded.pixels.iter().copied().collect();
    Ok(Tensor::from_slice(&bytes).f_view(&shape[..])?.to_kind(Kind::Float) / 127.5 - 1.0)
}
