//! `Level`: signal and noise in `x_t`.

use tch::{Device, Kind, Tensor};

use super::Process;
use super::by_coordinate::ByCoordinate;
use super::factor::Factor;
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
    /// One for each sample, or a single one for all.
    amounts: Vec<Amount>,
    /// Those of each coordinate, if they differ.
    by_coordinate: Option<ByCoordinate>,
    /// Whether the times are steps of a process that has steps.
    at_steps: bool,
    shape: Vec<i64>,
    kind: Kind,
    device: Device,
}

/// Signal and noise at one time, in f64.
#[derive(Debug, Clone, Copy)]
struct Amount {
    signal: f64,
    noise: f64,
    /// The time in the form that networks take.
    time: f64,
}

impl Level {
    /// The level of all samples of `x` at one time `t`.
    ///
    /// # Shapes
    /// `x`: `[N, …]`.
    ///
    /// # Errors
    /// [`Error::Timestep`](crate::Error::Timestep) for a time outside the process, and for 0.
    pub fn at(process: &dyn Process, t: f64, x: &Tensor) -> Result<Self> {
        check_time(process, t)?;
        Self::of_times(process, &[t], x)
    }

    /// The level of each sample of `x` at its own time: computed in f64, with the type and the device of `x`.
    ///
    /// # Shapes
    /// `t`: `[N]`, int64 or floating-point; `x`: `[N, …]`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `t` does not have one entry per sample;
    /// [`Error::Timestep`](crate::Error::Timestep) for a time outside the process.
    pub fn of_each(process: &dyn Process, t: &Tensor, x: &Tensor) -> Result<Self> {
        let times = check_times(process, t, x)?;
        Self::of_times(process, if is_shared(t) { &times[..1] } else { &times }, x)
    }

    fn of_times(process: &dyn Process, times: &[f64], x: &Tensor) -> Result<Self> {
        let at_steps = process.steps().is_some() && times.iter().all(|t| t.fract() == 0.0);
        let amount =
            |t: &f64| Amount { signal: process.signal(*t), noise: process.noise(*t), time: process.network_time(*t) };
        let by_coordinate = process.by_coordinate(times, x)?;
        Ok(Self::of_amounts(times.iter().map(amount).collect(), by_coordinate, at_steps, x))
    }

    fn of_amounts(amounts: Vec<Amount>, by_coordinate: Option<ByCoordinate>, at_steps: bool, x: &Tensor) -> Self {
        let one = Factor::Shared(1.0);
        let (shape, kind, device) = (x.size(), x.kind(), x.device());
        let noise = Factor::Shared(0.0);
        let mut level = Self { signal: one, noise, amounts, by_coordinate, at_steps, shape, kind, device };
        (level.signal, level.noise) = (level.factor(|a, _| a), level.factor(|_, s| s));
        level
    }

    /// A factor that is a function of `a` and `s`, computed in f64.
    pub fn factor(&self, of: impl Fn(f64, f64) -> f64) -> Factor {
        if let Some(by_coordinate) = &self.by_coordinate {
            return by_coordinate.factor(of);
        }
        let values: Vec<f64> = self.amounts.iter().map(|at| of(at.signal, at.noise)).collect();
        if let [one] = values[..] {
            return Factor::Shared(one);
        }
        let mut shape = vec![1; self.shape.len()];
        shape[0] = -1;
        Factor::Each(self.on_device(&Tensor::from_slice(&values).to_kind(self.kind).view(&shape[..])))
    }

    /// The time in the form that networks take: a step as int64, otherwise [`Process::network_time`] as f32. If it is the
    /// same for all samples, they share one number in memory.
    ///
    /// # Shapes
    /// Returns `[N]`.
    pub fn time(&self) -> Tensor {
        let times: Vec<f64> = self.amounts.iter().map(|at| at.time).collect();
        self.of_each_sample(&times, if self.at_steps { Kind::Int64 } else { Kind::Float })
    }

    /// A number for each sample that is a function of `a` and `s`, computed in f64; of those of the process if coordinates differ.
    ///
    /// # Shapes
    /// Returns `[N]`, f32.
    pub fn number(&self, of: impl Fn(f64, f64) -> f64) -> Tensor {
        let values: Vec<f64> = self.amounts.iter().map(|at| of(at.signal, at.noise)).collect();
        self.of_each_sample(&values, Kind::Float)
    }

    fn of_each_sample(&self, values: &[f64], kind: Kind) -> Tensor {
        self.on_device(&Tensor::from_slice(values).to_kind(kind)).expand([self.shape[0]], false)
    }

    fn on_device(&self, values: &Tensor) -> Tensor {
        if self.device == Device::Cpu { values.shallow_clone() } else { sent(values, self.device) }
    }

    /// A level with this much signal and noise.
    #[cfg(test)]
    pub(crate) fn with(signal: f64, noise: f64, x: &Tensor) -> Self {
        Self::of_amounts(vec![Amount { signal, noise, time: 1.0 }], None, false, x)
    }
}
