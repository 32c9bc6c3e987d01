//! Pinwheel: five arms that bend around the centre.

use std::f64::consts::TAU;

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::datasets::PointSet;

const ARMS: usize = 5;
/// The distance of an arm from the centre, its length, its width, and its rotation: from Johnson et al.'s code, scaled
/// to the size of the other sets.
const DISTANCE: f64 = 0.55;
const LENGTH: f64 = 0.17;
const WIDTH: f64 = 0.03;
const TURN: f64 = 0.25;

/// Five arms: thin Gaussians that bend more the further out they are. Johnson et al. 2016, figure 1.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pinwheel {
    /// Standard deviation of the noise on each coordinate.
    pub noise: f64,
}

impl PointSet for Pinwheel {
    fn draw(&self, rng: &mut dyn Rng) -> [f64; 2] {
        let arm = rng.random_range(0..ARMS);
        let mut normal = || -> f64 { StandardNormal.sample(rng) };
        let (along, across) = (DISTANCE + LENGTH * normal(), WIDTH * normal());
        let angle = TAU * arm as f64 / ARMS as f64 + TURN * (along / DISTANCE).exp();
        let (cos, sin) = (angle.cos(), angle.sin());
        [along * cos - across * sin, along * sin + across * cos]
    }

    fn noise(&self) -> f64 {
        self.noise
    }

    fn curve(&self, _n: usize) -> Option<Vec<[f64; 2]>> {
        None
    }
}
