//! `Within`: guidance at some noise levels only.

use tch::Tensor;

use crate::denoisers::{Denoised, Denoiser};
use crate::error::{Error, Result};
use crate::process::Process;

/// From which noise level to which, or from which time to which.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    low: f64,
    high: f64,
    is_of_times: bool,
}

impl Interval {
    /// The noise levels `sigma = s(t) / a(t)` above `low` and up to `high`, which may be infinite.
    ///
    /// # Errors
    /// [`Error::Config`] unless `0 <= low < high`.
    pub fn of_sigma(low: f64, high: f64) -> Result<Self> {
        Self::new(low, high, false)
    }

    /// The times above `low` and up to `high`.
    ///
    /// # Errors
    /// As [`Interval::of_sigma`].
    pub fn of_times(low: f64, high: f64) -> Result<Self> {
        Self::new(low, high, true)
    }

    fn new(low: f64, high: f64, is_of_times: bool) -> Result<Self> {
        if low >= 0.0 && low < high {
            return Ok(Self { low, high, is_of_times });
        }
        Err(Error::config("interval", "two numbers, the first at least 0 and less than the second", format!("{low}, {high}")))
    }

    /// Its two ends, noise levels or times.
    pub fn ends(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    /// Whether it contains this time of this process.
    pub fn contains(&self, process: &dyn Process, t: f64) -> bool {
        let at = if self.is_of_times { t } else { process.noise(t) / process.signal(t) };
        at > self.low && at <= self.high
    }
}

/// One denoiser inside an interval, another one outside of it: guidance where it helps.
///
/// ```text
/// w(t) = w if sigma_low < s(t) / a(t) <= sigma_high, else 0
/// ```
/// Kynkäänniemi et al. 2024, section 3. In much noise guidance leads all samples to the same few places, in little noise it changes hardly anything
/// but costs a network pass. Outside of the interval, the denoiser `plain` is called alone.
pub struct Within<'a> {
    guided: &'a dyn Denoiser,
    plain: &'a dyn Denoiser,
    process: &'a dyn Process,
    interval: Interval,
}

impl<'a> Within<'a> {
    /// `guided` inside the interval, `plain` outside.
    pub fn new(guided: &'a dyn Denoiser, plain: &'a dyn Denoiser, process: &'a dyn Process, interval: Interval) -> Self {
        Self { guided, plain, process, interval }
    }
}

impl Denoiser for Within<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        let denoiser = if self.interval.contains(self.process, t) { self.guided } else { self.plain };
        denoiser.denoise(x_t, t)
    }
}
