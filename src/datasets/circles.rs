//! Two circles: a distribution with a hole in each of its pieces.

use std::f64::consts::TAU;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::datasets::PointSet;
use crate::error::{Result, require};

/// Two equally likely circles around the centre, the outer one with radius 1.2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Circles {
    /// Radius of the inner circle, as a share of the outer one's, in `[0, 1)`.
    pub inner_radius: f64,
    /// Standard deviation of the noise on each coordinate.
    pub noise: f64,
}

impl Default for Circles {
    fn default() -> Self {
        Self { inner_radius: 0.5, noise: 0.0 }
    }
}

impl Circles {
    fn at(&self, u: f64) -> [f64; 2] {
        let radius = if u < 0.5 { 1.2 } else { 1.2 * self.inner_radius };
        let phi = TAU * (2.0 * u).fract();
        [radius * phi.cos(), radius * phi.sin()]
    }
}

impl PointSet for Circles {
    fn draw(&self, rng: &mut dyn Rng) -> [f64; 2] {
        self.at(rng.random())
    }

    fn noise(&self) -> f64 {
        self.noise
    }

    fn curve(&self, n: usize) -> Option<Vec<[f64; 2]>> {
        Some((0..n).map(|i| self.at(i as f64 / n as f64)).collect())
    }

    fn validate(&self) -> Result<()> {
        require((0.0..1.0).contains(&self.inner_radius), "Circles.inner_radius", "in [0, 1)", self.inner_radius)
    }
}
