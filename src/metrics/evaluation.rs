//! `evaluate`: how close samples are to their target distribution.

use std::fmt;

use serde::Serialize;
use tch::{Device, Tensor};

use super::curve::distances_to_curve;
use super::sets::require_vectors;
use super::sliced_wasserstein::Slices;
use super::{MetricConfig, SlicedWasserstein};
use crate::datasets::Dataset;
use crate::error::{Error, Result};
use crate::points::to_tensor;
use crate::random::{self, Stream};

/// The number of points that represent the noiseless curve.
const CURVE_POINTS: usize = 4_000;

/// The result of [`evaluate`].
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// The number of samples, and of the fresh data that they were compared with.
    pub samples: i64,
    /// Sliced 2-Wasserstein distance of the samples to fresh data.
    pub sliced_wasserstein: f64,
    /// The same distance between two fresh data sets of that size: the result of a perfect model.
    pub noise_floor: f64,
    /// 95th percentile of the distances of samples to the noiseless curve; `None` if the data does not lie on a curve.
    pub distance_to_curve_p95: Option<f64>,
}

impl Evaluation {
    /// The mean of several evaluations, which varies less than a single one.
    pub fn mean(runs: &[Evaluation]) -> Evaluation {
        let mean = |value: &dyn Fn(&Evaluation) -> f64| runs.iter().map(value).sum::<f64>() / runs.len() as f64;
        let on_a_curve = runs.iter().all(|run| run.distance_to_curve_p95.is_some());
        Evaluation {
            samples: runs.first().map_or(0, |run| run.samples),
            sliced_wasserstein: mean(&|run| run.sliced_wasserstein),
            noise_floor: mean(&|run| run.noise_floor),
            distance_to_curve_p95: on_a_curve.then(|| mean(&|run| run.distance_to_curve_p95.unwrap_or(f64::NAN))),
        }
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (distance, floor) = (self.sliced_wasserstein, self.noise_floor);
        write!(f, "sliced Wasserstein distance {distance:.4} (noise floor {floor:.4})")?;
        match self.distance_to_curve_p95 {
            Some(distance) => write!(f, ", 95 % of the samples are within {distance:.4} of the curve"),
            None => Ok(()),
        }
    }
}

/// Compares samples with their target distribution.
///
/// # Shapes
/// `samples`: `[N, 2]`.
///
/// # Errors
/// [`Error::Shape`] for samples that are not points; [`Error::DataNotFinite`] for NaN or infinity;
/// [`Error::Unsupported`] for data of the reader's own.
pub fn evaluate(samples: &Tensor, dataset: &Dataset, seed: u64) -> Result<Evaluation> {
    let n = samples.size().first().copied().unwrap_or(0);
    if samples.size() != [n, 2] || n == 0 {
        return Err(Error::Shape { what: "samples", expected: "[N, 2]".to_owned(), got: samples.size() });
    }
    require_vectors("samples", samples, 1)?;
    let fresh = |k| fresh_data(dataset, n, seed, k);
    let samples = samples.to_device(Device::Cpu);
    let slices = Slices::new(SlicedWasserstein { seed, ..Default::default() }, 2)?;
    let data = slices.of(&fresh(0)?)?;
    Ok(Evaluation {
        samples: n,
        sliced_wasserstein: slices.distance(&slices.of(&samples)?, &data),
        noise_floor: slices.distance(&slices.of(&fresh(1)?)?, &data),
        distance_to_curve_p95: distance_to_curve_p95(&samples, dataset)?,
    })
}

/// Compares samples with the same amount of fresh data by any metric. `seed`: for the data, and for the metric if it is
/// random.
///
/// # Shapes
/// `samples`: `[N, 2]`.
///
/// # Errors
/// Those of [`Metric::compare`](super::Metric::compare); [`Error::Unsupported`] for images and for the reader's own
/// data.
pub fn compare_with_fresh_data(samples: &Tensor, dataset: &Dataset, metric: MetricConfig, seed: u64) -> Result<f64> {
    let n = samples.size().first().copied().unwrap_or(0);
    metric.with_seed(seed).build().compare(samples, &fresh_data(dataset, n, seed, 0)?)
}

/// The `k`-th set of `n` fresh points.
fn fresh_data(dataset: &Dataset, n: i64, seed: u64, k: u64) -> Result<Tensor> {
    Ok(to_tensor(&dataset.sample(n as usize, random::derive(seed, Stream::FreshData, k))?))
}

/// The distance to the noiseless curve that 95 % of the samples do not exceed; `None` if the data does not lie on a
/// curve.
fn distance_to_curve_p95(samples: &Tensor, dataset: &Dataset) -> Result<Option<f64>> {
    let Some(curve) = dataset.points()?.curve(CURVE_POINTS) else { return Ok(None) };
    let distances = distances_to_curve(samples, &curve)?;
    let rank = (0.95 * (distances.len() - 1) as f64).round() as usize;
    Ok(Some(distances[rank]))
}
