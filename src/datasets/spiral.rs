//! A spiral with any number of turns: like the Swiss roll, but harder with more turns.

use std::f64::consts::TAU;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::datasets::PointSet;
use crate::error::{Result, require};

/// An Archimedean spiral from the centre to radius 1.4, with points spread evenly over its length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spiral {
    /// The number of turns.
    pub turns: f64,
    /// Standard deviation of the noise on each coordinate.
    pub noise: f64,
}

impl Default for Spiral {
    fn default() -> Self {
        Self { turns: 3.0, noise: 0.0 }
    }
}

impl Spiral {
    /// The square root spreads the points: the length of the spiral up to radius `r` grows approximately like `r^2`.
    fn at(&self, u: f64) -> [f64; 2] {
        let radius = u.sqrt();
        let phi = TAU * self.turns * radius;
        [1.4 * radius * phi.cos(), 1.4 * radius * phi.sin()]
    }
}

impl PointSet for Spiral {
    fn draw(&self, rng: &mut dyn Rng) -> [f64; 2] {
        self.at(rng.random())
    }

    fn noise(&self) -> f64 {
        self.noise
    }

    fn curve(&self, n: usize) -> Option<Vec<[f64; 2]>> {
        Some((0..n).map(|i| self.at(i as f64 / (n.max(2) - 1) as f64)).collect())
    }

    fn validate(&self) -> Result<()> {
        require((0.1..=20.0).contains(&self.turns), "Spiral.turns", "0.1 to 20", self.turns)
    }
}
