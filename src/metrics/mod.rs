//! How good samples are: their distance to fresh data, and to the curve that the data lies on.

mod nearest;

use std::fmt;

use rayon::prelude::*;
use serde::Serialize;
use tch::{Device, Kind, Tensor, no_grad_guard};

pub use nearest::{NearestImages, nearest_images};

use crate::datasets::Dataset;
use crate::error::{Error, Result};
use crate::points::to_tensor;
use crate::random::{self, Draws, Stream};

/// Directions that the sliced distance is averaged over.
const DIRECTIONS: i64 = 500;
/// Points that stand for the noiseless curve.
const CURVE_POINTS: usize = 4_000;

/// What [`evaluate`] finds.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// How many samples were compared with as many fresh data.
    pub samples: i64,
    /// Sliced 2-Wasserstein distance of the samples to fresh data.
    pub sliced_wasserstein: f64,
    /// The same between two fresh data sets of that size: what a perfect model would get.
    pub noise_floor: f64,
    /// 95th percentile of the distance of a sample to the noiseless curve; none where the data lies on no curve.
    pub distance_to_curve_p95: Option<f64>,
}

impl Evaluation {
    /// The mean of several evaluations, which chance moves less than one.
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
            Some(distance) => write!(f, ", 95 of 100 samples within {distance:.4} of the curve"),
            None => Ok(()),
        }
    }
}

/// Compares samples with the distribution that they are to come from.
///
/// # Shapes
/// `samples`: `[N, 2]`.
///
/// # Errors
/// [`Error::Shape`] for samples that are not points; [`Error::Unsupported`] for data of the reader's own.
pub fn evaluate(samples: &Tensor, dataset: &Dataset, seed: u64) -> Result<Evaluation> {
    let n = samples.size().first().copied().unwrap_or(0);
    if samples.size() != [n, 2] || n == 0 {
        return Err(Error::Shape { what: "samples", expected: "[N, 2]".to_owned(), got: samples.size() });
    }
    let fresh = |k| -> Result<Tensor> {
        let points = dataset.sample(n as usize, random::derive(seed, Stream::FreshData, k))?;
        Ok(to_tensor(&points))
    };
    let samples = samples.to_device(Device::Cpu);
    let slices = Slices::new(2, seed);
    let fresh_data = slices.of(&fresh(0)?)?;
    Ok(Evaluation {
        samples: n,
        sliced_wasserstein: distance(&slices.of(&samples)?, &fresh_data),
        noise_floor: distance(&slices.of(&fresh(1)?)?, &fresh_data),
        distance_to_curve_p95: distance_to_curve_p95(&samples, dataset)?,
    })
}

/// The sliced 2-Wasserstein distance: the distance that mass has to travel, seen from 500 random directions.
///
/// ```text
/// SW_2(P, Q)^2 = mean over directions w of  W_2(w.P, w.Q)^2
/// W_2 of two sets of N numbers: sqrt( mean_i (a_(i) - b_(i))^2 ), both sorted
/// ```
/// Bonneel et al. 2015, section 3.
///
/// # Shapes
/// `a`, `b`: `[N, D]`, the same `N`. The directions follow from `seed`.
///
/// # Errors
/// [`Error::Shape`] where the two differ in shape.
pub fn sliced_wasserstein(a: &Tensor, b: &Tensor, seed: u64) -> Result<f64> {
    if a.dim() != 2 || a.size() != b.size() {
        let expected = format!("{:?}, that of the set it is compared with", a.size());
        return Err(Error::Shape { what: "points of a sliced distance", expected, got: b.size() });
    }
    let slices = Slices::new(a.size()[1], seed);
    Ok(distance(&slices.of(a)?, &slices.of(b)?))
}

/// The directions from which points are looked at.
struct Slices {
    directions: Tensor,
}

impl Slices {
    fn new(dimensions: i64, seed: u64) -> Self {
        let directions = Draws::new(seed, Stream::Directions, 0).normal(&[dimensions, DIRECTIONS], Device::Cpu);
        Self { directions: &directions / directions.norm_scalaropt_dim(2.0, [0_i64], true) }
    }

    /// The points as seen from each direction, one direction after the other, each sorted.
    fn of(&self, points: &Tensor) -> Result<Vec<f32>> {
        let _no_grad = no_grad_guard();
        let seen = points.to_device(Device::Cpu).matmul(&self.directions).transpose(0, 1);
        let mut seen = values(&seen)?;
        let rows = seen.par_chunks_exact_mut(points.size()[0].max(1) as usize);
        rows.for_each(|row| row.sort_unstable_by(f32::total_cmp));
        Ok(seen)
    }
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    (squares / a.len() as f64).sqrt()
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(Vec::try_from(tensor.to_kind(Kind::Float).contiguous().view([-1]))?)
}

/// The distance that 95 of 100 samples keep to the noiseless curve of the data; none where it lies on no curve.
fn distance_to_curve_p95(samples: &Tensor, dataset: &Dataset) -> Result<Option<f64>> {
    let Some(curve) = dataset.points()?.curve(CURVE_POINTS) else { return Ok(None) };
    let curve: Vec<[f32; 2]> = curve.into_iter().map(|point| point.map(|x| x as f32)).collect();
    let samples = values(samples)?;
    let nearest = samples.par_chunks_exact(2).map(|sample| {
        let squares = curve.iter().map(|point| (sample[0] - point[0]).powi(2) + (sample[1] - point[1]).powi(2));
        squares.fold(f32::INFINITY, |least, square| if square < least { square } else { least })
    });
    let mut nearest: Vec<f32> = nearest.collect();
    nearest.sort_unstable_by(f32::total_cmp);
    let rank = (0.95 * (nearest.len() - 1) as f64).round() as usize;
    Ok(Some(f64::from(nearest[rank].sqrt())))
}
