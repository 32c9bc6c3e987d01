//! Shared by the oracles, which treat samples as rows of numbers in f64.

use tch::{Kind, Tensor};

/// Samples as rows, `[N, D]` in f64.
pub(super) fn flat(x: &Tensor) -> Tensor {
    x.flatten(1, -1).to_kind(Kind::Double)
}

/// Rows as samples, with the shape and the type of `x`.
pub(super) fn shaped_like(rows: &Tensor, x: &Tensor) -> Tensor {
    rows.view(&x.size()[..]).to_kind(x.kind())
}
