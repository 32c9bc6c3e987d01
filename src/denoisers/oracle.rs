//! Shared by the oracles, which treat samples as rows of numbers in f64.

use tch::{Kind, Tensor};

use crate::error::{Error, Result};
use crate::process::Process;

/// Samples as rows, `[N, D]` in f64.
pub(super) fn flat(x: &Tensor) -> Tensor {
    x.flatten(1, -1).to_kind(Kind::Double)
}

/// Rows as samples, with the shape and the type of `x`.
pub(super) fn shaped_like(rows: &Tensor, x: &Tensor) -> Tensor {
    rows.view(&x.size()[..]).to_kind(x.kind())
}

/// Rejects a process whose coordinates differ.
pub(super) fn require_scalar(process: &dyn Process) -> Result<()> {
    if process.is_scalar() {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "this oracle is for the same signal and noise in all coordinates, not for {}",
        process.noise_kind()
    )))
}
