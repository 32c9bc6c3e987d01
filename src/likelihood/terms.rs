//! The terms of the variational bound: what each step of the reverse process costs in likelihood.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::error::{Error, Result};

/// What a number of the data can be, which decides what the last step has to explain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Values {
    /// Any real number: a likelihood is a density, and its logarithm can have either sign.
    Continuous,
    /// One of 256 values from -1 to 1, as in images of 8 bits: a likelihood is a probability.
    Bytes,
}

impl Values {
    /// Those of this data: images have bytes, points any number.
    ///
    /// # Shapes
    /// `x0`: `[N, D]` or `[N, C, H, W]`.
    pub fn of(x0: &Tensor) -> Self {
        if x0.dim() == 4 { Self::Bytes } else { Self::Continuous }
    }

    /// Rejects data that does not have such values.
    pub(super) fn check(self, x0: &Tensor) -> Result<()> {
        if self == Self::Continuous || x0.numel() == 0 {
            return Ok(());
        }
        let levels = (x0 + 1.0) * 127.5;
        let furthest = (&levels - levels.round()).abs().max().double_value(&[]);
        let outside = x0.abs().max().double_value(&[]) > 1.001;
        if furthest <= 0.05 && !outside {
            return Ok(());
        }
        let expected = "bytes k as k / 127.5 - 1, in [-1, 1]: the likelihood of images is that of 256 values";
        let got = if outside { "numbers outside of [-1, 1]" } else { "numbers between the bytes" };
        Err(Error::config("images for a likelihood", expected, got))
    }

    /// `- ln p(x_0 | x_1)` for each number, for a Gaussian with this mean and variance: `L_0` of the bound. Ho et al. 2020, section 3.3.
    ///
    /// # Shapes
    /// `x0`, `mean`: `[N, …]`; `variance`: one that broadcasts to them. Returns `[N, …]`.
    pub fn negative_log_likelihood(self, x0: &Tensor, mean: &Tensor, variance: &Tensor) -> Tensor {
        match self {
            Self::Continuous => 0.5 * ((2.0 * PI * variance).log() + (x0 - mean).square() / variance),
            Self::Bytes => -log_probability_of_byte(x0, mean, &variance.sqrt()),
        }
    }
}

/// Half the distance between two values of a byte in `[-1, 1]`.
const HALF: f64 = 1.0 / 255.0;

/// The probability of the interval around a byte under a Gaussian. The outermost intervals are infinite, so that all of them add up to 1.
///
/// ```text
/// p(x_0) = Phi( (x_0 + 1/255 - mean) / sigma ) - Phi( (x_0 - 1/255 - mean) / sigma )
/// ```
/// Ho et al. 2020, equation 13.
fn log_probability_of_byte(x0: &Tensor, mean: &Tensor, sigma: &Tensor) -> Tensor {
    let (above, below) = ((x0 + HALF - mean) / sigma, (x0 - HALF - mean) / sigma);
    // In the upper tail both are almost 1; by symmetry it is computed from the lower one.
    let upper = below.gt(0.0);
    let (high, low) = (below.where_self(&upper, &-&above).neg(), above.where_self(&upper, &-&below).neg());
    let inside = (high.special_ndtr() - low.special_ndtr()).clamp_min(1e-12).log();
    let lowest = above.special_log_ndtr();
    let highest = (-&below).special_log_ndtr();
    let inside = lowest.where_self(&x0.lt(-1.0 + HALF), &inside);
    highest.where_self(&x0.gt(1.0 - HALF), &inside)
}

/// `KL( N(m_1, v_1) || N(m_2, v_2) )` for each number, in nats.
///
/// ```text
/// 1/2 ( ln( v_2 / v_1 ) + ( v_1 + (m_1 - m_2)^2 ) / v_2 - 1 )
/// ```
/// # Shapes
/// `difference`, `m_1 - m_2`: `[N, …]`; `first`, `second`: the variances, which broadcast to it. Returns `[N, …]`.
pub(crate) fn gaussian_kl(difference: &Tensor, first: &Tensor, second: &Tensor) -> Tensor {
    0.5 * ((second / first).log() + (first + difference.square()) / second - 1.0)
}

/// The sum over the numbers of each sample, `[N]`, in f64.
pub(crate) fn sum_of_each(of: &Tensor) -> Tensor {
    of.flatten(1, -1).sum_dim_intlist([1].as_slice(), false, Kind::Double)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn the_probabilities_of_all_bytes_add_up_to_1() {
        let bytes: Tensor = Tensor::arange(256, (Kind::Double, Device::Cpu)) / 127.5 - 1.0;
        for (mean, sigma) in [(0.0, 0.1), (-0.99, 0.02), (0.97, 0.002), (0.3, 1e-4), (1.4, 0.5)] {
            let of = |value: f64| Tensor::from_slice(&[value]);
            let nll = Values::Bytes.negative_log_likelihood(&bytes, &of(mean), &of(sigma * sigma));
            let total = (-nll).exp().sum(Kind::Double).double_value(&[]);
            assert!((total - 1.0).abs() < 1e-9, "mean {mean}, sigma {sigma}: {total}");
        }
    }

    /// A very wide Gaussian puts all of its mass into the outermost bytes; between them, a byte has width times density.
    #[test]
    fn a_byte_has_its_width_times_the_density() {
        let of = |value: f64| Tensor::from_slice(&[value]);
        let (x0, mean, variance) = (of(3.0 / 127.5 - 1.0), of(-0.5), of(4.0));
        let byte = Values::Bytes.negative_log_likelihood(&x0, &mean, &variance);
        let density = Values::Continuous.negative_log_likelihood(&x0, &mean, &variance);
        let difference = (byte - density).double_value(&[0]) - (127.5_f64).ln();
        assert!(difference.abs() < 1e-5, "{difference}");
    }

    #[test]
    fn both_tails_are_as_exact() {
        let of = |value: f64| Tensor::from_slice(&[value]);
        let at = |x0: f64, mean: f64| {
            Values::Bytes.negative_log_likelihood(&of(x0), &of(mean), &of(0.01)).double_value(&[0])
        };
        assert!((at(0.4, -0.2) - at(-0.4, 0.2)).abs() < 1e-9 && at(0.4, -0.2) > 17.0);
        // Six standard deviations away: ln( density * width ).
        let density = 18.0 + 0.5 * (2.0 * PI * 0.01_f64).ln() + 127.5_f64.ln();
        assert!((at(0.4, -0.2) - density).abs() < 0.05, "{} against {density}", at(0.4, -0.2));
    }

    #[test]
    fn the_divergence_is_0_for_equal_gaussians_and_known_otherwise() {
        let of = |value: f64| Tensor::from_slice(&[value]);
        assert!(gaussian_kl(&of(0.0), &of(0.3), &of(0.3)).double_value(&[0]).abs() < 1e-15);
        // KL( N(1, 1) || N(0, 4) ) = ln 2 + 2/8 - 1/2
        let known = 2.0_f64.ln() + 0.25 - 0.5;
        assert!((gaussian_kl(&of(1.0), &of(1.0), &of(4.0)).double_value(&[0]) - known).abs() < 1e-12);
    }
}
