//! The times of a batch, `[N]`, and checks that they are within a process.

use tch::{Device, Kind, Tensor};

use super::Process;
use crate::error::{Error, Result};

/// Whether all of `t`, `[N]`, is known to be the same time, so that a network can compute once what depends on it.
pub(crate) fn is_shared(t: &Tensor) -> bool {
    t.size() == [1] || t.dim() == 1 && t.size()[0] > 1 && t.stride() == [0]
}

/// The times as numbers. Requires one for each sample of `x`, within the process and not 0.
pub(crate) fn check_times(process: &dyn Process, t: &Tensor, x: &Tensor) -> Result<Vec<f64>> {
    let n = x.size().first().copied().unwrap_or(0);
    if t.size() != [n] {
        return Err(Error::Shape { what: "timesteps t", expected: format!("[{n}], one per sample"), got: t.size() });
    }
    let whole = t.kind() == Kind::Int64;
    if !whole && !t.is_floating_point() {
        let expected = "int64 timesteps, or times in floating point, of shape [N]".to_owned();
        return Err(Error::Timestep { expected, got: format!("{:?}", t.kind()) });
    }
    if ![Device::Cpu, x.device()].contains(&t.device()) {
        return Err(Error::Device { what: "timesteps", expected: x.device(), got: t.device() });
    }
    let times: Vec<f64> = Vec::try_from(t.to_device(Device::Cpu).to_kind(Kind::Double).contiguous())?;
    match times.iter().find(|t| !is_within(process, **t)) {
        None => Ok(times),
        Some(outside) => Err(Error::Timestep { expected: range(process, whole), got: outside.to_string() }),
    }
}

/// Rejects 0, and times outside the process.
pub(crate) fn check_time(process: &dyn Process, t: f64) -> Result<()> {
    if is_within(process, t) {
        return Ok(());
    }
    Err(Error::Timestep { expected: range(process, process.steps().is_some()), got: t.to_string() })
}

fn is_within(process: &dyn Process, t: f64) -> bool {
    t > 0.0 && t <= process.end()
}

fn range(process: &dyn Process, whole: bool) -> String {
    if whole { format!("1..={}", process.end()) } else { format!("above 0, up to {}", process.end()) }
}
