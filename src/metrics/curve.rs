//! How far samples are from the curve on which the data lies.

use rayon::prelude::*;
use tch::{Device, Kind, Tensor};

use super::sets::require_vectors;
use crate::error::{Error, Result};

/// The distance of each sample to the nearest point of a curve, in ascending order. The curve is given as points, such
/// as those of [`PointSet::curve`](crate::datasets::PointSet::curve).
///
/// # Shapes
/// `samples`: `[N, 2]`.
///
/// # Errors
/// [`Error::Shape`] for samples that are not points in the plane, or none; [`Error::DataNotFinite`] for NaN or
/// infinity.
pub fn distances_to_curve(samples: &Tensor, curve: &[[f64; 2]]) -> Result<Vec<f64>> {
    require_vectors("samples", samples, 1)?;
    if samples.size()[1] != 2 {
        return Err(Error::Shape { what: "samples", expected: "[N, 2]".to_owned(), got: samples.size() });
    }
    let samples: Vec<f64> =
        Vec::try_from(samples.to_device(Device::Cpu).to_kind(Kind::Double).contiguous().view([-1]))?;
    let nearest = samples.par_chunks_exact(2).map(|sample| {
        let squares = curve.iter().map(|point| (sample[0] - point[0]).powi(2) + (sample[1] - point[1]).powi(2));
        squares.fold(f64::INFINITY, |least, square| if square < least { square } else { least }).sqrt()
    });
    let mut nearest: Vec<f64> = nearest.collect();
    nearest.sort_unstable_by(f64::total_cmp);
    Ok(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_to_the_nearest_point_of_the_curve() {
        let curve = [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]];
        let samples = Tensor::from_slice(&[2.0_f32, 3.0, 0.1, 0.0, 5.0, 4.0]).view([3, 2]);
        let found = distances_to_curve(&samples, &curve).unwrap();
        assert!((found[0] - 0.1).abs() < 1e-8 && found[1..] == [3.0, 5.0], "{found:?}");
        assert!(distances_to_curve(&samples.view([2, 3]), &curve).is_err());
    }
}
