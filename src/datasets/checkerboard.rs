//! A checkerboard: a density with sharp edges, which a network can only round off.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::datasets::PointSet;
use crate::error::{Result, require};

/// The dark squares of a board from -1.2 to 1.2, filled uniformly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Checkerboard {
    /// The number of squares along a side.
    pub squares: u32,
    /// Standard deviation of the noise on each coordinate.
    pub noise: f64,
}

impl Default for Checkerboard {
    fn default() -> Self {
        Self { squares: 4, noise: 0.0 }
    }
}

impl PointSet for Checkerboard {
    fn draw(&self, rng: &mut dyn Rng) -> [f64; 2] {
        loop {
            let (x, y): (f64, f64) = (rng.random(), rng.random());
            let square = |u: f64| (u * f64::from(self.squares)) as u32;
            if (square(x) + square(y)) % 2 == 0 {
                return [2.4 * x - 1.2, 2.4 * y - 1.2];
            }
        }
    }

    fn noise(&self) -> f64 {
        self.noise
    }

    fn curve(&self, _n: usize) -> Option<Vec<[f64; 2]>> {
        None
    }

    fn validate(&self) -> Result<()> {
        require((2..=64).contains(&self.squares), "Checkerboard.squares", "2 to 64", self.squares)
    }
}
