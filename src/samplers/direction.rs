//! The direction of a step: only a sampler without fresh noise can go to a later time.

use crate::error::{Error, Result};
use crate::process::Process;

/// Rejects a step of a sampler with fresh noise, unless it goes back. A sampler without it, `is_deterministic`, may also go to a later time.
///
/// # Errors
/// [`Error::Timestep`] unless `0 <= to < from` and `from` is within the process.
pub(crate) fn require_steps_back(process: &dyn Process, from: f64, to: f64, is_deterministic: bool) -> Result<()> {
    if is_deterministic || (0.0 <= to && to < from && from <= process.end()) {
        return Ok(());
    }
    let expected = format!("a step from t, at most {}, back to a time from 0 to below t", process.end());
    Err(Error::Timestep { expected, got: format!("from {from} to {to}") })
}
