//! `Level`: how much signal and noise there is in `x_t`, as tensors to compute with.

use tch::{Device, Kind, Tensor};

use super::Process;
use super::times::{check_time, check_times, is_shared};
use crate::error::Result;

/// `a(t)` and `s(t)`, shaped to broadcast over a batch: one number each where all samples are at one time, else
/// `[N, 1]` for points and `[N, 1, 1, 1]` for images.
#[derive(Debug)]
pub struct Level {
    /// `a(t)`
    pub signal: Tensor,
    /// `s(t)`
    pub noise: Tensor,
}

impl Level {
    /// The level of all samples of `x` at one time `t`: a number each, computed in f64, in the kind of `x`.
    ///
    /// # Errors
    /// [`Error::Timestep`](crate::Error::Timestep) for a time outside the process, and for 0.
    pub fn at(process: &dyn Process, t: f64, x: &Tensor) -> Result<Self> {
        check_time(process, t)?;
        Ok(Self::of_number(process, t, x.kind()))
    }

    fn of_number(process: &dyn Process, t: f64, kind: Kind) -> Self {
        let tensor = |value: f64| match kind {
            Kind::Float => Tensor::from(value as f32),
            _ => Tensor::from(value).to_kind(kind),
        };
        Self { signal: tensor(process.signal(t)), noise: tensor(process.noise(t)) }
    }

    /// The level of each sample of `x`, at its own time: computed in f64, in the kind of `x` and on its device.
    ///
    /// # Shapes
    /// `t`: `[N]`, int64 or floating-point; `x`: `[N, …]`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where `t` does not have one entry a sample,
    /// [`Error::Timestep`](crate::Error::Timestep) for a time outside the process.
    pub fn of_each(process: &dyn Process, t: &Tensor, x: &Tensor) -> Result<Self> {
        let times = check_times(process, t, x)?;
        if let (true, [first, ..]) = (is_shared(t), &times[..]) {
            return Ok(Self::of_number(process, *first, x.kind()));
        }
        let mut shape = vec![1; x.dim()];
        shape[0] = -1;
        let tensor = |of: &dyn Fn(f64) -> f64| {
            let values: Vec<f64> = times.iter().map(|t| of(*t)).collect();
            let on_cpu = Tensor::from_slice(&values).to_kind(x.kind()).view(&shape[..]);
            if x.device() == Device::Cpu { on_cpu } else { on_cpu.to_device(x.device()) }
        };
        Ok(Self { signal: tensor(&|t| process.signal(t)), noise: tensor(&|t| process.noise(t)) })
    }
}
