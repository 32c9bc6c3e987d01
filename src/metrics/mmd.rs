//! `Mmd`: the squared maximum mean discrepancy of a Gaussian kernel.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad_guard};

use super::Metric;
use super::pairs::unbiased_discrepancy;
use super::sets::compared;
use crate::error::{Result, require};

/// Points used for the median distance, the default bandwidth.
const POINTS_FOR_THE_MEDIAN: i64 = 2_000;

/// The largest difference between the means of a function under the two distributions, over all functions of norm at
/// most 1 in the space of the kernel `exp( -|x - y|^2 / (2 h^2) )`; squared. The estimate is unbiased, so it can be
/// negative. It is 0 only for equal distributions.
///
/// Each set needs at least two vectors, and it takes time proportional to `(N + M)^2 D`. Gretton et al. 2012, equation
/// 3.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mmd {
    /// The kernel's bandwidth `h`, in the units of the vectors. By default the median distance between two vectors of
    /// the combined sets (of about 2,000 of them at most, evenly spaced): Gretton et al. 2012, section 8.
    pub bandwidth: Option<f64>,
}

impl Mmd {
    /// With the median distance between two vectors of this set as the bandwidth, so that several sets of samples are
    /// compared with it by the same kernel.
    ///
    /// # Shapes
    /// `data`: `[N, D]`, at least two vectors.
    ///
    /// # Errors
    /// Those of [`Metric::compare`].
    pub fn fitted(data: &Tensor) -> Result<Self> {
        let (data, _) = compared(data, data, 2)?;
        Ok(Self { bandwidth: Some(median_distance(&data, &data.narrow(0, 0, 0))) })
    }
}

impl Metric for Mmd {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        let _no_grad = no_grad_guard();
        let (a, b) = compared(a, b, 2)?;
        let bandwidth = self.bandwidth.unwrap_or_else(|| median_distance(&a, &b));
        require(bandwidth > 0.0 && bandwidth.is_finite(), "Mmd.bandwidth", "above 0", bandwidth)?;
        // Centred on their common mean, the vectors are short, so the squares below lose no digits.
        let mean = Tensor::cat(&[&a, &b], 0).mean_dim([0].as_slice(), true, Kind::Double);
        let (a, b) = ((a - &mean) / bandwidth, (b - &mean) / bandwidth);
        // -|x - y|^2 / 2 = ( x, -|x|^2 / 2, 1 ) . ( y, 1, -|y|^2 / 2 ), so one matrix product gives all pairs.
        let half = |x: &Tensor| x.square().sum_dim_intlist([1].as_slice(), true, Kind::Double) * -0.5;
        let kernel = |x: &Tensor, y: &Tensor| {
            let (half_x, half_y) = (half(x), half(y));
            let left = Tensor::cat(&[x, &half_x, &half_x.ones_like()], 1);
            let right = Tensor::cat(&[y, &half_y.ones_like(), &half_y], 1);
            left.matmul(&right.tr()).exp_()
        };
        Ok(unbiased_discrepancy(&a, &b, &kernel))
    }

    fn lower_is_better(&self) -> bool {
        true
    }
}

/// The median distance between two points. It is kept above 0 even if most points are copies, since the kernel divides
/// by it.
fn median_distance(a: &Tensor, b: &Tensor) -> f64 {
    let step = (a.size()[0] + b.size()[0] - 1) / POINTS_FOR_THE_MEDIAN + 1;
    let [of_a, of_b] = [a, b].map(|set| set.slice(0, None, None, step));
    Tensor::cat(&[of_a, of_b], 0).pdist(2.0).median().double_value(&[]).max(1e-100)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::random::{Draws, Stream};

    /// For two pairs, by hand: `k(0, 2) + k(1, 3) - 2 ( k(0, 1) + k(0, 3) + k(2, 1) + k(2, 3) ) / 4`.
    #[test]
    fn it_matches_the_equation_for_two_pairs() {
        let (a, b) = (Tensor::from_slice(&[0.0, 2.0]).view([2, 1]), Tensor::from_slice(&[1.0, 3.0]).view([2, 1]));
        let k = |distance: f64, h: f64| (-distance.powi(2) / (2.0 * h * h)).exp();
        let expected = |h| k(2.0, h) + k(2.0, h) - (3.0 * k(1.0, h) + k(3.0, h)) / 2.0;
        let found = Mmd { bandwidth: Some(0.7) }.compare(&a, &b).unwrap();
        assert!((found - expected(0.7)).abs() < 1e-14, "{found}");
        // The distances are 1, 1, 1, 2, 2 and 3: the lower of the two in the middle.
        assert!((Mmd::default().compare(&a, &b).unwrap() - expected(1.0)).abs() < 1e-14);
        for wrong in [0.0, -1.0, f64::NAN] {
            assert!(Mmd { bandwidth: Some(wrong) }.compare(&a, &b).is_err());
        }
        assert_eq!(Mmd::default().compare(&a.ones_like(), &b.ones_like()).unwrap(), 0.0);
        let (far_a, far_b) = (&a + 1e6, &b + 1e6);
        assert!((Mmd::default().compare(&far_a, &far_b).unwrap() - expected(1.0)).abs() < 1e-9);
    }
    /// For `N(0, s^2)` and `N(m, s^2)` the kernel's mean over pairs whose difference is `N(d, 2 s^2)` is
    /// `h / sqrt(h^2 + 2 s^2) exp( -d^2 / (2 (h^2 + 2 s^2)) )`, by the integral of a product of Gaussians.
    #[test]
    fn of_two_gaussians_it_is_the_closed_form() {
        let (s, m, h, n) = (0.5_f64, 0.4_f64, 0.7_f64, 4_000);
        let draw = |k| Draws::new(3, Stream::FreshData, k).normal(&[n, 1], Device::Cpu).to_kind(Kind::Double) * s;
        let width: f64 = h * h + 2.0 * s * s;
        let expected = 2.0 * h / width.sqrt() * (1.0 - (-m * m / (2.0 * width)).exp());
        let (a, b) = (draw(0), draw(1) + m);
        let found = Mmd { bandwidth: Some(h) }.compare(&a, &b).unwrap();
        assert!((found / expected - 1.0).abs() < 0.1, "{found}, expected {expected}");
        let unshifted = Mmd { bandwidth: Some(h) }.compare(&a, &draw(1)).unwrap();
        assert!(unshifted.abs() < 0.01 * expected, "{unshifted}");
        // The median of |x - y| is 0.6745 times its standard deviation.
        let fitted = Mmd::fitted(&a).unwrap().bandwidth.unwrap();
        assert!((fitted / (0.6745 * 2.0_f64.sqrt() * s) - 1.0).abs() < 0.05, "{fitted}");
        assert!(Mmd::fitted(&a.narrow(0, 0, 1)).is_err());
    }
}
