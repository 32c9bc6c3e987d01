//! Eight Gaussians: a distribution in separate pieces, with a known density.

use std::f64::consts::{PI, TAU};

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::datasets::PointSet;

const RADIUS: f64 = 1.0;

/// Eight equally likely Gaussians, evenly spaced on a circle of radius 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EightGaussians {
    /// Standard deviation of each Gaussian.
    pub noise: f64,
}

impl Default for EightGaussians {
    fn default() -> Self {
        Self { noise: 0.1 }
    }
}

impl EightGaussians {
    /// The means of the eight Gaussians.
    pub fn centres() -> [[f64; 2]; 8] {
        std::array::from_fn(centre)
    }
}

fn centre(k: usize) -> [f64; 2] {
    let angle = TAU * k as f64 / 8.0;
    [RADIUS * angle.cos(), RADIUS * angle.sin()]
}

impl PointSet for EightGaussians {
    fn draw(&self, rng: &mut dyn Rng) -> [f64; 2] {
        centre(rng.random_range(0..8))
    }

    fn noise(&self) -> f64 {
        self.noise
    }

    fn curve(&self, _n: usize) -> Option<Vec<[f64; 2]>> {
        None
    }

    fn density(&self, [x, y]: [f64; 2]) -> Option<f64> {
        let variance = self.noise * self.noise;
        let of = |[u, v]: [f64; 2]| (-((x - u).powi(2) + (y - v).powi(2)) / (2.0 * variance)).exp();
        (variance > 0.0).then(|| (0..8).map(|k| of(centre(k))).sum::<f64>() / (8.0 * 2.0 * PI * variance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::Dataset;

    /// The density integrates to 1 over the plane, and predicts the share of points in a part of it.
    #[test]
    fn the_density_is_that_of_the_points() {
        let set = EightGaussians::default();
        let side = 400;
        let cell = 4.0 / side as f64;
        let at = |i: usize| -2.0 + (i as f64 + 0.5) * cell;
        let (mut all, mut part) = (0.0, 0.0);
        for (i, j) in (0..side).flat_map(|i| (0..side).map(move |j| (i, j))) {
            let mass = set.density([at(i), at(j)]).unwrap() * cell * cell;
            all += mass;
            part += if at(i) > 0.9 && at(j) > -0.1 { mass } else { 0.0 };
        }
        assert!((all - 1.0).abs() < 1e-9, "{all}");
        let n = 40_000;
        let points = Dataset::from(set).sample(n, 3).unwrap();
        let inside = points.rows().into_iter().filter(|point| point[0] > 0.9 && point[1] > -0.1).count();
        let share = inside as f64 / n as f64;
        assert!((share - part).abs() < 5.0 * (part / n as f64).sqrt(), "{share}, but the density gives {part}");
        assert_eq!(EightGaussians { noise: 0.0 }.density([1.0, 0.0]), None);
    }
}
