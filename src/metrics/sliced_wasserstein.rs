//! `SlicedWasserstein`: how far mass has to travel, seen from random directions.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::Metric;
use super::sets::compared;
use crate::error::{Result, require};
use crate::random::{Draws, Stream};

/// The sliced 2-Wasserstein distance: the distance that mass has to travel, seen from random directions. On a line the
/// optimal transport is known: the smallest number of one set goes to the smallest of the other, and so on.
///
/// ```text
/// SW_2(P, Q)^2 = mean over directions w of  W_2(w.P, w.Q)^2
/// W_2 of two sets of N numbers: sqrt( mean_i (a_(i) - b_(i))^2 ), both sorted
/// ```
/// A shift by `delta` has the distance `|delta| / sqrt(D)`, on average over directions. It takes time proportional to
/// `N log N`. Bonneel et al. 2015, section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlicedWasserstein {
    /// The number of directions; at least 1.
    pub directions: i64,
    /// The seed of the directions.
    pub seed: u64,
}

impl Default for SlicedWasserstein {
    fn default() -> Self {
        Self { directions: 500, seed: 0 }
    }
}

impl Metric for SlicedWasserstein {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        let (a, b) = compared(a, b, 1)?;
        let slices = Slices::new(*self, a.size()[1])?;
        Ok(slices.distance(&slices.of(&a)?, &slices.of(&b)?))
    }

    fn lower_is_better(&self) -> bool {
        true
    }
}

/// The sliced 2-Wasserstein distance from 500 random directions: [`SlicedWasserstein`].
///
/// # Shapes
/// `a`: `[N, D]`, `b`: `[M, D]`. The directions follow from `seed`.
///
/// # Errors
/// Those of [`Metric::compare`].
pub fn sliced_wasserstein(a: &Tensor, b: &Tensor, seed: u64) -> Result<f64> {
    SlicedWasserstein { seed, ..Default::default() }.compare(a, b)
}

/// The directions onto which sets are projected.
pub(super) struct Slices {
    /// `[D, directions]`, f64, each of length 1.
    directions: Tensor,
}

impl Slices {
    pub fn new(settings: SlicedWasserstein, d: i64) -> Result<Self> {
        let SlicedWasserstein { directions, seed } = settings;
        require(directions >= 1, "SlicedWasserstein.directions", "at least 1", directions)?;
        let directions = Draws::new(seed, Stream::Directions, 0).normal(&[d, directions], Device::Cpu);
        let directions = directions.to_kind(Kind::Double);
        Ok(Self { directions: &directions / directions.norm_scalaropt_dim(2.0, [0_i64], true) })
    }

    /// The sorted projections of a set, `[N, D]`, for one direction after the other.
    pub fn of(&self, x: &Tensor) -> Result<Vec<f64>> {
        let _no_grad = no_grad_guard();
        let seen = x.to_device(Device::Cpu).to_kind(Kind::Double).matmul(&self.directions).tr();
        let mut seen: Vec<f64> = Vec::try_from(seen.contiguous().view([-1]))?;
        let rows = seen.par_chunks_exact_mut(x.size()[0].max(1) as usize);
        rows.for_each(|row| row.sort_unstable_by(f64::total_cmp));
        Ok(seen)
    }

    /// The distance between two sets, given as by [`Slices::of`].
    pub fn distance(&self, a: &[f64], b: &[f64]) -> f64 {
        let directions = self.directions.size()[1] as usize;
        let (a, b) = (a.par_chunks_exact(a.len() / directions), b.par_chunks_exact(b.len() / directions));
        let squares: Vec<f64> = a.zip(b).map(|(a, b)| squared_distance(a, b)).collect();
        (squares.iter().sum::<f64>() / directions as f64).sqrt()
    }
}

/// `W_2^2` of two sorted sets of numbers. If their sizes differ, mass moves in parts: each of `N` numbers has `M` of
/// `N M` parts.
fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (a.len(), b.len());
    if n == m {
        return a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / n as f64;
    }
    let (mut sum, mut moved, mut i, mut j) = (0.0, 0, 0, 0);
    while i < n && j < m {
        let (end_a, end_b) = ((i + 1) * m, (j + 1) * n);
        let end = end_a.min(end_b);
        sum += (end - moved) as f64 * (a[i] - b[j]).powi(2);
        moved = end;
        i += usize::from(end == end_a);
        j += usize::from(end == end_b);
    }
    sum / (n as f64 * m as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_of_a_shift_is_its_length_over_the_root_of_the_dimensions() {
        let points = Draws::new(2, Stream::FreshData, 0).normal(&[40, 4], Device::Cpu).to_kind(Kind::Double);
        let shifted = points.flip([0]) + Tensor::from_slice(&[1.0, -2.0, 2.0, 4.0]);
        let metric = SlicedWasserstein { directions: 4_000, seed: 1 };
        let found = metric.compare(&points, &shifted).unwrap();
        // The mean over directions of (w.delta)^2, whose standard deviation is |delta|^2 sqrt( 2 (D - 1) / (D + 2) ) /
        // D.
        let (mean, deviation) = (25.0 / 4.0, 25.0 / 4.0);
        assert!((found.powi(2) - mean).abs() < 5.0 * deviation / 4_000.0_f64.sqrt(), "{found}");
    }

    #[test]
    fn the_distance_of_a_set_to_its_repetition_is_zero() {
        let (a, b) = ([0.0, 1.0, 5.0], [0.0, 0.0, 1.0, 1.0, 5.0, 5.0]);
        assert_eq!(squared_distance(&a, &b), 0.0);
        assert_eq!(squared_distance(&b, &a.map(|x| x + 2.0)), 4.0);
        // Thirds against halves: 0 keeps 1/3 of its half, the rest goes to 3, and so on.
        assert!((squared_distance(&[0.0, 6.0], &[0.0, 3.0, 6.0]) - 9.0 / 3.0).abs() < 1e-15);
        let none = SlicedWasserstein { directions: 0, seed: 0 };
        assert!(none.compare(&Tensor::from_slice(&[1.0]).view([1, 1]), &Tensor::from_slice(&[1.0]).view([1, 1])).is_err());
    }
}
