//! Data sets of points: the trait `PointSet`, and how points are drawn.

use ndarray::Array2;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::error::Result;
use crate::random::{self, Stream};

/// A distribution of points in the plane that one can draw from.
pub trait PointSet {
    /// Draws one point.
    fn draw(&self, rng: &mut dyn Rng) -> [f64; 2];

    /// The standard deviation of the Gaussian noise that is added to each coordinate.
    fn noise(&self) -> f64;

    /// `n` points of the noiseless curve, from one end to the other, if the points lie on a curve.
    fn curve(&self, n: usize) -> Option<Vec<[f64; 2]>>;

    /// The density of the points, including noise, if it is known in closed form.
    fn density(&self, _point: [f64; 2]) -> Option<f64> {
        None
    }

    /// Rejects invalid settings of its own.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first invalid setting.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// Draws `n` points, `[n, 2]`, with the set's noise: the same for the same seed, on every machine.
pub(super) fn draw(set: &dyn PointSet, n: usize, seed: u64) -> Array2<f32> {
    let mut rng = random::generator(random::derive(seed, Stream::Data, 0));
    let mut points = Array2::zeros((n, 2));
    for mut row in points.rows_mut() {
        let [x, y] = set.draw(&mut rng);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        row[0] = (x + set.noise() * normal()) as f32;
        row[1] = (y + set.noise() * normal()) as f32;
    }
    points
}

#[cfg(test)]
mod tests {
    use crate::datasets::Dataset;

    #[test]
    fn without_noise_the_points_lie_on_the_curve() {
        for name in ["swiss-roll", "spiral", "moons", "circles"] {
            let set = Dataset::from_name(name).unwrap();
            let curve = set.points().unwrap().curve(20_000).unwrap();
            assert!(set.points().unwrap().curve(1).unwrap()[0].iter().all(|c| c.is_finite()), "{name}");
            for point in set.sample(200, 3).unwrap().rows() {
                let distance = |c: &[f64; 2]| (f64::from(point[0]) - c[0]).hypot(f64::from(point[1]) - c[1]);
                let nearest = curve.iter().map(distance).fold(f64::INFINITY, f64::min);
                assert!(nearest < 1e-3, "{name}: {nearest}");
            }
        }
    }
}
