//! `ByCoordinate`: signal and noise of each coefficient of a sample.

use tch::Tensor;

use super::basis::Basis;
use super::factor::Factor;

/// `a_i(t)` and `s_i(t)` at some times, if they differ between the coefficients of a sample in a basis `V`.
///
/// ```text
/// x_t = V A(t) V^T x_0 + V S(t) V^T eps,   A = diag( a_i ), S = diag( s_i )
/// ```
/// Every coefficient has a process of its own, so all formulas for signal and noise hold with these matrices in place of numbers.
#[derive(Debug)]
pub struct ByCoordinate {
    basis: Basis,
    /// The shape of a sample, with 1 where all have the same amounts.
    shape: Vec<i64>,
    /// `[a_i, s_i]` of each time, one after the other.
    amounts: Vec<[f64; 2]>,
    /// A tensor of the kind and on the device of the samples.
    like: Tensor,
}

impl ByCoordinate {
    /// `amounts`: `[a_i, s_i]` for each time and coefficient. `shape`: the shape of the coefficients of one sample, or 1 in a dimension
    /// along which all are the same. `x`: the samples, `[N, …]`.
    pub fn new(basis: Basis, shape: Vec<i64>, amounts: Vec<[f64; 2]>, x: &Tensor) -> Self {
        Self { basis, shape, amounts, like: x.shallow_clone() }
    }

    /// A factor that is a function of `a_i` and `s_i`, computed in f64.
    pub(super) fn factor(&self, of: impl Fn(f64, f64) -> f64) -> Factor {
        self.coefficients(self.amounts.iter().map(|[a, s]| of(*a, *s)).collect())
    }

    /// A factor that is a function of `[a_i, s_i]` at the first of two times and at the second.
    pub(crate) fn factor_of_step(&self, of: impl Fn([f64; 2], [f64; 2]) -> f64) -> Factor {
        let (from, to) = self.amounts.split_at(self.amounts.len() / 2);
        self.coefficients(from.iter().zip(to).map(|(from, to)| of(*from, *to)).collect())
    }

    /// The largest value of a function of `a_i` and `s_i`.
    pub(crate) fn largest(&self, of: impl Fn(f64, f64) -> f64) -> f64 {
        self.amounts.iter().map(|[a, s]| of(*a, *s)).fold(f64::NEG_INFINITY, f64::max)
    }

    /// Whether there is no noise at the first of two times, only less signal.
    pub(crate) fn begins_without_noise(&self) -> bool {
        self.amounts[..self.amounts.len() / 2].iter().all(|[_, s]| *s == 0.0)
    }

    fn coefficients(&self, values: Vec<f64>) -> Factor {
        let shape = [&[-1], &self.shape[..]].concat();
        let values = Tensor::from_slice(&values).view(&shape[..]).to_kind(self.like.kind());
        Factor::Coefficients(values.to_device(self.like.device()), self.basis.shallow_clone())
    }
}
