//! The Swiss roll, seen from the side: the first data set of the course.

use std::f64::consts::PI;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::datasets::PointSet;

/// `(x, y) = 0.1 phi (cos phi, sin phi)`, `phi ~ Uniform(1.5 pi, 4.5 pi)`: one and a half turns, about 1.4 from the
/// centre at the outer end. It is the plane of scikit-learn's `make_swiss_roll`, scaled by a tenth.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwissRoll {
    /// Standard deviation of the noise on each coordinate.
    pub noise: f64,
}

fn roll(u: f64) -> [f64; 2] {
    let phi = 1.5 * PI * (1.0 + 2.0 * u);
    [0.1 * phi * phi.cos(), 0.1 * phi * phi.sin()]
}

impl PointSet for SwissRoll {
    fn draw(&self, rng: &mut dyn Rng) -> [f64; 2] {
        roll(rng.random())
    }

    fn noise(&self) -> f64 {
        self.noise
    }

    fn curve(&self, n: usize) -> Option<Vec<[f64; 2]>> {
        Some((0..n).map(|i| roll(i as f64 / (n.max(2) - 1) as f64)).collect())
    }
}
