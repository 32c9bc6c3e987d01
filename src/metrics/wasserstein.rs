//! `Wasserstein`: how far mass has to travel, exactly.

use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad_guard};

use super::Metric;
use crate::assignment::assign;
use super::pairs::distances;
use super::sets::compared;
use crate::error::{Error, Result};

/// With more samples, the assignment would take minutes.
const MAX_SAMPLES: i64 = 2_000;

/// The 2-Wasserstein distance between two sets of equal size, at most 2,000:
///
/// ```text
/// W_2^2 = min over permutations p of  mean_i |a_i - b_p(i)|^2
/// ```
/// A shift by `delta` has the distance `|delta|`. For equal distributions it falls slowly with the size of the sets,
/// like `N^(-1/D)` in `D > 4` dimensions: compare it with the distance between two sets of data. It takes time
/// proportional to `N^3`. Peyré & Cuturi 2019, proposition 2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wasserstein;

impl Metric for Wasserstein {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        let _no_grad = no_grad_guard();
        let (a, b) = compared(a, b, 1)?;
        let n = a.size()[0];
        if b.size()[0] != n {
            let expected = format!("[{n}, {}]: as many vectors as samples", a.size()[1]);
            return Err(Error::Shape { what: "data for an exact Wasserstein distance", expected, got: b.size() });
        }
        if n > MAX_SAMPLES {
            let expected = format!("at most {MAX_SAMPLES} for the exact Wasserstein distance; sliced_wasserstein takes any number");
            return Err(Error::config("number of samples", expected, n));
        }
        let costs: Vec<f64> = Vec::try_from(distances(&a, &b).square().view([-1]))?;
        let n = n as usize;
        let row_of = assign(&costs, n);
        let least: f64 = row_of.iter().enumerate().map(|(column, row)| costs[row * n + column]).sum();
        Ok((least / n as f64).sqrt())
    }

    fn lower_is_better(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::metrics::sliced_wasserstein;
    use crate::random::{Draws, Stream};

    #[test]
    fn the_distance_of_a_shift_is_its_length_in_any_order() {
        let points = Draws::new(2, Stream::FreshData, 0).normal(&[60, 3], Device::Cpu).to_kind(tch::Kind::Double);
        let shifted = points.flip([0]) + Tensor::from_slice(&[2.0, -3.0, 6.0]);
        assert!((Wasserstein.compare(&points, &shifted).unwrap() - 7.0).abs() < 1e-12);
        assert!(Wasserstein.compare(&points, &points.flip([0])).unwrap() < 1e-12);
    }

    /// On a line there is one direction, and sorting is the assignment.
    #[test]
    fn on_a_line_it_is_the_sliced_distance() {
        let draw = |k| Draws::new(2, Stream::FreshData, k).normal(&[60, 1], Device::Cpu);
        let (a, b) = (draw(0), draw(1) * 2.0);
        let (exact, sliced) = (Wasserstein.compare(&a, &b).unwrap(), sliced_wasserstein(&a, &b, 3).unwrap());
        assert!((exact - sliced).abs() < 1e-12, "{exact}, {sliced}");
    }

    #[test]
    fn other_sizes_and_too_many_are_refused() {
        let zeros = |n| Tensor::zeros([n, 2], tch::kind::FLOAT_CPU);
        let message = |a: i64, b: i64| Wasserstein.compare(&zeros(a), &zeros(b)).unwrap_err().to_string();
        assert!(message(3, 4).contains("as many vectors as samples"), "{}", message(3, 4));
        assert!(message(2_001, 2_001).contains("at most 2000"), "{}", message(2_001, 2_001));
    }
}
