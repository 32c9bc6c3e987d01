//! `ddpm metrics`: compares two sets of samples, in files or folders.

use std::path::{Path, PathBuf};

use clap::Args;
use ddpm_tutor::metrics::require_vectors;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::{Map, Value, json};

use crate::list::names;
use crate::npy::read_samples;
use crate::say::{note, say};

/// What is computed where no metric is named: what is quick, and says something of any points.
const DEFAULT: [&str; 6] = ["sliced_wasserstein", "mmd", "energy_distance", "frechet_distance", "precision", "recall"];

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
    /// Can the sets be told apart? Also report p, from so many permutations of both sets together
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    permutations: Option<u64>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What a metric says of the two sets.
struct Found {
    name: &'static str,
    value: f64,
    p: Option<f64>,
}

impl Metrics {
    pub fn run(self) -> Result<()> {
        let (a, b) = (self.set(&self.a)?, self.set(&self.b)?);
        let names = if self.metrics.is_empty() { DEFAULT.map(str::to_owned).to_vec() } else { self.metrics.clone() };
        let metrics = names.iter().map(|name| MetricConfig::from_name(name)).collect::<Result<Vec<_>>>()?;
        let compared = metrics.into_iter().map(|metric| self.compare(metric.with_seed(self.seed), &a, &b));
        let found = compared.collect::<Result<Vec<Found>>>()?;
        let (n_a, n_b) = (a.size()[0], b.size()[0]);
        if self.json {
            return say(Value::Object(self.as_json(&found, n_a, n_b)));
        }
        say(format!("{n_a} of {} against {n_b} of {}", self.a.display(), self.b.display()))?;
        let width = found.iter().map(|found| found.name.len()).max().unwrap_or(0);
        found.iter().try_for_each(|Found { name, value, p }| {
            let p = p.map(|p| format!("  p = {p:.4}")).unwrap_or_default();
            say(format!("{name:width$}  {value:.6}{p}"))
        })
    }

    /// A set as vectors, at most as many as are asked for.
    fn set(&self, path: &Path) -> Result<Tensor> {
        let samples = if path.is_dir() { images(path, self.seed)? } else { read_samples(path)? };
        let of_file = |error: Error| Error::Path { path: path.to_owned(), problem: error.to_string() };
        let vectors = features_of(&samples).map_err(of_file)?;
        require_vectors("samples", &vectors, 1).map_err(of_file)?;
        let Some(n) = self.n else { return Ok(vectors) };
        let there = vectors.size()[0];
        if there < n {
            note(format!("{} has {there} samples, not {n}: all are used", path.display()));
        }
        Ok(random_subset(&vectors, n, self.seed))
    }

    fn compare(&self, metric: MetricConfig, a: &Tensor, b: &Tensor) -> Result<Found> {
        let built = metric.build();
        let value = built.compare(a, b)?;
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

/// The images of a folder, `[N, C, H, W]` in `[-1, 1]`. What is to be said of them goes to stderr.
fn images(folder: &Path, seed: u64) -> Result<Tensor> {
    let loaded = ImageFolder { path: folder.to_owned(), ..Default::default() }.load(usize::MAX, seed)?;
    loaded.remarks.iter().for_each(note);
    let shape: Vec<i64> = loaded.pixels.shape().iter().map(|size| *size as i64).collect();
    let bytes: Vec<u8> = loaded.pixels.iter().copied().collect();
    Ok(Tensor::from_slice(&bytes).f_view(&shape[..])?.to_kind(Kind::Float) / 127.5 - 1.0)
}

/// What is compared of samples: points themselves, and of images the features that a network finds in them.
///
/// # Shapes
/// `samples`: `[N, D]` or `[N, C, H, W]`; the result: `[N, D]`.
fn features_of(samples: &Tensor) -> Result<Tensor> {
    match samples.dim() {
        4 => Err(Error::Unsupported(
            "images are compared by the features that a network finds in them, which is not available here: save their \
             features as a .npy of shape [N, D]"
                .to_owned(),
        )),
        // Of another shape than points it is refused with the shape.
        _ => Ok(samples.shallow_clone()),
    }
}
