//! `Level`: how much signal and noise there is in `x_t`, to compute with.

use std::ops::{Add, Div, Mul};

use tch::{Device, Tensor};

use super::Process;
use super::times::{check_time, check_times, is_shared};
use crate::device::sent;
use crate::error::Result;

/// `a(t)` and `s(t)` of a batch.
#[derive(Debug)]
pub struct Level {
    /// `a(t)`
    pub signal: Factor,
    /// `s(t)`
    pub noise: Factor,
}

/// What samples are multiplied by: a number where all of them are at one time, which is all of sampling, else one for each.
#[derive(Debug)]
pub enum Factor {
    /// One number for all samples, in f64.
    Shared(f64),
    /// One for each, shaped to broadcast over a batch: `[N, 1]` for points, `[N, 1, 1, 1]` for images.
    Each(Tensor),
}

impl Level {
    /// The level of all samples at one time `t`.
    ///
    /// # Errors
    /// [`Error::Timestep`](crate::Error::Timestep) for a time outside the process, and for 0.
    pub fn at(process: &dyn Process, t: f64) -> Result<Self> {
        check_time(process, t)?;
        Ok(Self { signal: Factor::Shared(process.signal(t)), noise: Factor::Shared(process.noise(t)) })
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
            return Self::at(process, *first);
        }
        let mut shape = vec![1; x.dim()];
        shape[0] = -1;
        let factor = |of: &dyn Fn(f64) -> f64| {
            let values: Vec<f64> = times.iter().map(|t| of(*t)).collect();
            let on_cpu = Tensor::from_slice(&values).to_kind(x.kind()).view(&shape[..]);
            Factor::Each(if x.device() == Device::Cpu { on_cpu } else { sent(&on_cpu, x.device()) })
        };
        Ok(Self { signal: factor(&|t| process.signal(t)), noise: factor(&|t| process.noise(t)) })
    }
}

impl Factor {
    /// The square of each.
    #[must_use]
    pub fn square(&self) -> Self {
        match self {
            Factor::Shared(value) => Factor::Shared(value.powi(2)),
            Factor::Each(values) => Factor::Each(values.square()),
        }
    }
}

impl Mul<&Tensor> for &Factor {
    type Output = Tensor;

    fn mul(self, x: &Tensor) -> Tensor {
        match self {
            Factor::Shared(value) => x * *value,
            Factor::Each(values) => x * values,
        }
    }
}

impl Div<&Factor> for Tensor {
    type Output = Tensor;

    fn div(self, factor: &Factor) -> Tensor {
        match factor {
            Factor::Shared(value) => self / *value,
            Factor::Each(values) => self / values,
        }
    }
}

impl Add for Factor {
    type Output = Factor;

    fn add(self, other: Factor) -> Factor {
        match (self, other) {
            (Factor::Shared(a), Factor::Shared(b)) => Factor::Shared(a + b),
            (Factor::Shared(a), Factor::Each(b)) | (Factor::Each(b), Factor::Shared(a)) => Factor::Each(b + a),
            (Factor::Each(a), Factor::Each(b)) => Factor::Each(a + b),
        }
    }
}
