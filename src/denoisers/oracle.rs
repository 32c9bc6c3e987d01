//! What the oracles share: they treat samples as rows of numbers, in f64.

use tch::{Kind, Tensor};

/// Samples as rows, `[N, D]` in f64.
pub(super) fn flat(x: &Tensor) -> Tensor {
    x.flatten(1, -1).to_kind(Kind::Double)
}

/// Rows as samples, in the shape and the kind of `x`.
pub(super) fn shaped_like(rows: &Tensor, x: &Tensor) -> Tensor {
    rows.view(&x.size()[..]).to_kind(x.kind())
}
