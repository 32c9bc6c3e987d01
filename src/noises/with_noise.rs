//! `WithNoise`: a process with another noise.

use tch::Tensor;

use super::Noise;
use crate::error::Result;
use crate::process::{ByCoordinate, Process};

/// Another process with a [`Noise`]: whose `eps` has its distribution, and whose coordinates differ as it says. Otherwise, signal, noise and
/// times are those of the process.
///
/// [`NoiseConfig::of`](super::NoiseConfig::of) makes one.
pub struct WithNoise {
    process: Box<dyn Process>,
    noise: Box<dyn Noise>,
    kind: &'static str,
}

impl WithNoise {
    /// This process with this noise. `kind`: the name of the noise.
    pub fn new(process: Box<dyn Process>, noise: Box<dyn Noise>, kind: &'static str) -> Self {
        Self { process, noise, kind }
    }
}

impl Process for WithNoise {
    fn draw(&self, t: &Tensor, like: &Tensor) -> Result<Tensor> {
        self.noise.draw(&*self.process, t, like)
    }

    fn noise_kind(&self) -> &'static str {
        self.kind
    }

    fn by_coordinate(&self, times: &[f64], x: &Tensor) -> Result<Option<ByCoordinate>> {
        self.noise.by_coordinate(&*self.process, times, x)
    }

    fn is_scalar(&self) -> bool {
        self.noise.is_scalar()
    }

    fn signal(&self, t: f64) -> f64 {
        self.process.signal(t)
    }

    fn noise(&self, t: f64) -> f64 {
        self.process.noise(t)
    }

    fn end(&self) -> f64 {
        self.process.end()
    }

    fn steps(&self) -> Option<usize> {
        self.process.steps()
    }

    fn noise_at_end(&self) -> f64 {
        self.noise.amount() * self.process.noise_at_end()
    }

    fn first_time(&self) -> f64 {
        self.process.first_time()
    }

    fn network_time(&self, t: f64) -> f64 {
        self.process.network_time(t)
    }

    fn log_snr(&self, t: f64) -> f64 {
        self.process.log_snr(t)
    }

    fn drift(&self, t: f64) -> f64 {
        self.process.drift(t)
    }

    fn diffusion(&self, t: f64) -> f64 {
        self.process.diffusion(t)
    }

    fn signal_slope(&self, t: f64) -> f64 {
        self.process.signal_slope(t)
    }

    fn noise_slope(&self, t: f64) -> f64 {
        self.process.noise_slope(t)
    }

    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        self.process.time_of_log_snr(log_snr)
    }
}
