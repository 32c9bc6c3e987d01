//! The rules of NCSNv2 for noise levels: how large the largest has to be, and how close they have to lie.

use tch::{Kind, Tensor};

use crate::error::{Error, Result};

/// Distances computed at a time, which bounds the memory.
const CHUNK: i64 = 1 << 22;

/// The largest Euclidean distance between two points: noise of that standard deviation lets Langevin dynamics go from any point of the data to
/// any other. Song & Ermon 2020, technique 1.
///
/// # Shapes
/// `points`: `[N, …]`, at least two. It takes `N^2` distances.
///
/// # Errors
/// [`Error::Shape`] for fewer points; [`Error::Config`] for points that are not finite.
pub fn largest_distance(points: &Tensor) -> Result<f64> {
    let n = points.size().first().copied().unwrap_or(0);
    if n < 2 || points.dim() < 2 {
        let expected = "[N, …], at least two points".to_owned();
        return Err(Error::Shape { what: "points for a distance", expected, got: points.size() });
    }
    let rows = points.flatten(1, -1).to_kind(Kind::Double);
    if rows.isfinite().all().int64_value(&[]) == 0 {
        return Err(Error::config("points for a distance", "finite numbers", "NaN or infinity"));
    }
    let mut largest = 0.0_f64;
    for part in rows.split((CHUNK / n).max(1), 0) {
        // Without matrix products, which would round away small differences.
        let distances = Tensor::f_cdist(&part, &rows, 2.0, EXACT)?;
        largest = largest.max(distances.max().double_value(&[]));
    }
    Ok(largest)
}

/// libtorch's mode in which distances are computed from differences.
const EXACT: i64 = 2;

/// The share of the noise of one level that the next smaller level has to cover.
const OVERLAP: f64 = 0.5;

/// `gamma`, the largest ratio between two neighbouring noise levels with which Langevin dynamics gets from one to the next. In `D` dimensions,
/// the norm of Gaussian noise is about `N( sqrt(D) sigma, sigma^2 / 2 )`, and half of the norms at one level have to lie within three
/// standard deviations of the next:
///
/// ```text
/// Phi( sqrt(2 D) (gamma - 1) + 3 gamma ) - Phi( sqrt(2 D) (gamma - 1) - 3 gamma ) = 1/2
/// ```
/// Song & Ermon 2020, technique 2.
///
/// # Errors
/// [`Error::Unsupported`] in fewer than 5 dimensions: there the left side stays above a half for any ratio, since the norm is no longer
/// concentrated.
pub fn ratio_of_levels(dimensions: i64) -> Result<f64> {
    let root = (2.0 * dimensions as f64).sqrt();
    if dimensions < 5 {
        return Err(Error::Unsupported(format!(
            "the rule for the ratio of noise levels needs at least 5 dimensions, and there are {dimensions}: choose the number of levels yourself"
        )));
    }
    // It falls from almost 1 at gamma = 1.
    let (mut low, mut high) = (1.0, 1e3);
    while low < (low + high) / 2.0 && (low + high) / 2.0 < high {
        let gamma: f64 = (low + high) / 2.0;
        if covered(root, gamma) > OVERLAP { low = gamma } else { high = gamma }
    }
    Ok(low)
}

/// The left side of the equation.
fn covered(root: f64, gamma: f64) -> f64 {
    let centre = root * (gamma - 1.0);
    let ends = Tensor::from_slice(&[centre + 3.0 * gamma, centre - 3.0 * gamma]).special_ndtr();
    ends.double_value(&[0]) - ends.double_value(&[1])
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn the_ratio_is_the_root_of_the_equation_and_close_to_that_of_the_paper() {
        for (dimensions, expected) in [(5, 19.486_833), (10, 3.037_855), (100, 1.269_248), (3072, 1.039_796)] {
            let found = ratio_of_levels(dimensions).unwrap();
            assert!((found - expected).abs() < 1e-5 * expected, "{dimensions}: {found}");
        }
        // Their 232 levels from 50 to 0.01 for CIFAR-10.
        let of_paper = 5000.0_f64.powf(1.0 / 231.0);
        assert!((covered(6144.0_f64.sqrt(), of_paper) - 0.567).abs() < 1e-3);
        assert!(ratio_of_levels(4).is_err());
    }

    #[test]
    fn the_largest_distance_is_that_of_the_two_points_furthest_apart() {
        tch::manual_seed(3);
        let points = Tensor::rand([3000, 2, 2], (Kind::Double, Device::Cpu));
        let _set = points.get(17).fill_(-1.0);
        let _set = points.get(2900).fill_(2.0);
        assert!((largest_distance(&points).unwrap() - 6.0).abs() < 1e-12);
        assert_eq!(largest_distance(&points.narrow(0, 3, 1).expand([2, 2, 2], false)).unwrap(), 0.0);
        assert!(largest_distance(&points.narrow(0, 0, 1)).is_err());
    }
}
