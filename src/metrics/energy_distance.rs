//! `EnergyDistance`: how much further vectors are from those of the other set than from those of their own set.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::Metric;
use super::pairs::{distances, sum_between, sum_within};
use super::sets::compared;
use crate::error::Result;

/// The energy distance, which needs no bandwidth:
///
/// ```text
/// 2 mean |a_i - b_j|  -  mean |a_i - a_j|  -  mean |b_i - b_j|,    each over all i and j
/// ```
/// It is at least 0, and 0 only for equal sets. (Some define it as the root of this, such as
/// `scipy.stats.energy_distance`.) For equal distributions its mean falls like `1/N + 1/M`. It takes time proportional
/// to `(N + M)^2 D`. Székely & Rizzo 2013, equation 6.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnergyDistance;

impl Metric for EnergyDistance {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        let (a, b) = compared(a, b, 1)?;
        let (n, m) = (a.size()[0] as f64, b.size()[0] as f64);
        let within = |x: &Tensor, n: f64| sum_within(x, &distances) / (n * n);
        Ok(2.0 * sum_between(&a, &b, &distances) / (n * m) - within(&a, n) - within(&b, m))
    }

    fn lower_is_better(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn of_single_points_it_is_twice_their_distance() {
        let a = Tensor::zeros([1, 2], (Kind::Float, Device::Cpu));
        let b = Tensor::from_slice(&[3.0_f32, 4.0]).view([1, 2]);
        assert_eq!(EnergyDistance.compare(&a, &b).unwrap(), 10.0);
        assert_eq!(EnergyDistance.compare(&a, &a.repeat([5, 1])).unwrap(), 0.0);
    }
}
