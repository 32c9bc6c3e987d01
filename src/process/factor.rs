//! `Factor`: what samples are multiplied by.

use std::ops::{Div, Mul};

use tch::Tensor;

use super::basis::Basis;

/// A factor for samples: one number if all of them are at the same time, as in sampling, otherwise one for each.
#[derive(Debug)]
pub enum Factor {
    /// A number for all samples, in f64.
    Shared(f64),
    /// One number per sample, shaped to broadcast over a batch: `[N, 1]` for points, `[N, 1, 1, 1]` for images.
    Each(Tensor),
    /// One number for each coefficient in a basis, `V diag(values) V^T`, shaped to broadcast over a batch.
    Coefficients(Tensor, Basis),
}

impl Factor {
    fn of_coefficients(basis: &Basis, x: &Tensor, of: impl Fn(Tensor) -> Tensor) -> Tensor {
        basis.samples(&of(basis.coefficients(x)))
    }
}

impl Mul<&Tensor> for &Factor {
    type Output = Tensor;

    fn mul(self, x: &Tensor) -> Tensor {
        match self {
            Factor::Shared(value) => x * *value,
            Factor::Each(values) => x * values,
            Factor::Coefficients(values, basis) => Factor::of_coefficients(basis, x, |y| y * values),
        }
    }
}

impl Mul<&Tensor> for Factor {
    type Output = Tensor;

    fn mul(self, x: &Tensor) -> Tensor {
        &self * x
    }
}

impl Div<&Factor> for Tensor {
    type Output = Tensor;

    fn div(self, factor: &Factor) -> Tensor {
        match factor {
            Factor::Shared(value) => self / *value,
            Factor::Each(values) => self / values,
            Factor::Coefficients(values, basis) => Factor::of_coefficients(basis, &self, |y| y / values),
        }
    }
}
