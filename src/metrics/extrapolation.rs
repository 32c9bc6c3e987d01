//! Extrapolates a metric to infinitely large sets, since its bias falls with their size.

use serde::Serialize;
use tch::{Tensor, no_grad_guard};

use super::Metric;
use super::sets::{compared, shuffled};
use crate::error::{Error, Result};

/// What [`extrapolate`] finds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Extrapolation {
    /// The sizes of the compared sets.
    pub sizes: Vec<i64>,
    /// The metric at each size.
    pub values: Vec<f64>,
    /// The fitted line at `1/n = 0`.
    pub at_infinity: f64,
    /// Its slope: the bias at size `n` is about `slope / n`.
    pub slope: f64,
}

/// Computes a metric for sets of several sizes, and fits a line in `1/n` to the values. At `1/n = 0` the line gives the
/// value without the bias of small sets, which differs between models and can reverse their order. For the Fréchet
/// distance this is FID-infinity.
///
/// Both sets are divided into parts of `n` vectors, over which the value is averaged. Chong & Forsyth 2020, section 4,
/// always use all of the data; here the bias from the data vanishes, too.
///
/// # Shapes
/// `a`: `[N, D]`, `b`: `[M, D]`.
///
/// # Errors
/// Those of [`Metric::compare`]; [`Error::Config`] for fewer than two sizes, and for a size below 1 or above `N` or
/// `M`.
pub fn extrapolate(metric: &dyn Metric, a: &Tensor, b: &Tensor, sizes: &[i64], seed: u64) -> Result<Extrapolation> {
    let _no_grad = no_grad_guard();
    let (a, b) = compared(a, b, 1)?;
    let most = a.size()[0].min(b.size()[0]);
    let are_possible = sizes.iter().all(|n| (1..=most).contains(n));
    if !are_possible || sizes.iter().all(|n| Some(n) == sizes.first()) {
        let expected = format!("two or more sizes from 1 to {most}, which both sets have");
        return Err(Error::config("sizes to extrapolate from", expected, format!("{sizes:?}")));
    }
    let (a, b) = (shuffled(&a, seed, 0), shuffled(&b, seed, 1));
    let of_size = |n: &i64| -> Result<f64> {
        let parts = most / n;
        let part = |k: i64| metric.compare(&a.narrow(0, k * n, *n), &b.narrow(0, k * n, *n));
        Ok((0..parts).map(part).sum::<Result<f64>>()? / parts as f64)
    };
    let values = sizes.iter().map(of_size).collect::<Result<Vec<f64>>>()?;
    let inverse: Vec<f64> = sizes.iter().map(|n| 1.0 / *n as f64).collect();
    let (slope, at_infinity) = line(&inverse, &values);
    Ok(Extrapolation { sizes: sizes.to_vec(), values, at_infinity, slope })
}

/// Slope and intercept of the least-squares line.
fn line(x: &[f64], y: &[f64]) -> (f64, f64) {
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let covariance: f64 = x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let slope = covariance / x.iter().map(|x| (x - mean_x).powi(2)).sum::<f64>();
    (slope, mean_y - slope * mean_x)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::metrics::{EnergyDistance, FrechetDistance};
    use crate::random::{Draws, Stream};

    fn draw(k: u64) -> Tensor {
        Draws::new(6, Stream::FreshData, k).normal(&[4_000, 8], Device::Cpu)
    }

    /// Unit Gaussians with a distance of 0.5.
    #[test]
    fn the_bias_of_small_sets_vanishes() {
        let (a, b) = (draw(0), draw(1) + 0.5 / 8.0_f64.sqrt());
        let found = extrapolate(&FrechetDistance, &a, &b, &[200, 250, 400, 500, 1_000], 3).unwrap();
        let biases: Vec<f64> = found.values.iter().map(|value| value - 0.25).collect();
        assert!(biases[0] > 0.15 && biases[4] > 0.02 && found.slope > 20.0, "{found:?}");
        assert!((found.at_infinity - 0.25).abs() < 0.02, "{found:?}");
    }

    /// For equal distributions the energy distance is `2 mean |x - y| / n`, on average.
    #[test]
    fn the_slope_is_what_the_bias_is_made_of() {
        let (a, b) = (draw(2), draw(3));
        let found = extrapolate(&EnergyDistance, &a, &b, &[50, 100, 200, 400], 3).unwrap();
        let distance = 2.0 * 3.8772; // E |x - y| = 2 Gamma(9/2) / Gamma(4) for unit Gaussians in 8 dimensions.
        assert!((found.slope / distance - 1.0).abs() < 0.1 && found.at_infinity.abs() < 0.01, "{found:?}");
        for sizes in [&[100][..], &[], &[100, 100], &[10, 4_001], &[0, 10]] {
            assert!(extrapolate(&EnergyDistance, &a, &b, sizes, 3).is_err(), "{sizes:?}");
        }
    }
}
