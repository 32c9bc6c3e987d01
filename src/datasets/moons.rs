//! Two moons: a distribution in two pieces, curved around each other.

use std::f64::consts::PI;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::datasets::PointSet;

/// Two equally likely, interleaved half circles of radius 0.9.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Moons {
    /// Standard deviation of the noise on each coordinate.
    pub noise: f64,
}

fn moons(u: f64) -> [f64; 2] {
    let phi = PI * (2.0 * u).fract();
    let (x, y) = if u < 0.5 { (phi.cos() - 0.5, phi.sin() - 0.25) } else { (0.5 - phi.cos(), 0.25 - phi.sin()) };
    [0.9 * x, 0.9 * y]
}

impl PointSet for Moons {
    fn draw(&self, rng: &mut dyn Rng) -> [f64; 2] {
        moons(rng.random())
    }

    fn noise(&self) -> f64 {
        self.noise
    }

    fn curve(&self, n: usize) -> Option<Vec<[f64; 2]>> {
        Some((0..n).map(|i| moons(i as f64 / n as f64)).collect())
    }
}
