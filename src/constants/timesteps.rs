//! Timesteps: which ones a network is trained on, which one it is asked about, and that they are within the process.

use tch::{Device, Kind, Tensor};

use super::choices::TimestepSampling;
use super::{ConstantsManager, timestep};
use crate::error::{Error, Result};

impl ConstantsManager {
    /// The same process, with timesteps drawn in another way.
    #[must_use]
    pub fn with_timestep_sampling(self, sampling: TimestepSampling) -> Self {
        Self { timestep_sampling: sampling, ..self }
    }

    /// How the timesteps of a training are drawn.
    pub fn timestep_sampling(&self) -> TimestepSampling {
        self.timestep_sampling
    }

    /// `t ~ p(t)`, shape `[n]`, int64, on the CPU; [`TimestepSampling::Uniform`] by default. Algorithm 1, line 3.
    pub fn sample_timesteps(&self, n: i64) -> Tensor {
        match self.timestep_sampling {
            TimestepSampling::Uniform => {
                Tensor::randint_low(1, self.timesteps() as i64 + 1, [n], (Kind::Int64, Device::Cpu))
            }
            TimestepSampling::PerceptionPrioritized => {
                let weights: Tensor = 1.0 - &self.alpha_bar;
                timestep(weights.multinomial(n, true))
            }
        }
    }

    /// The timestep `t` for each of `n` samples, shape `[n]` int64: what a network is fed when all samples are at one step.
    pub fn same_timestep(&self, t: usize, n: i64) -> Tensor {
        same_timestep(t, n, self.device)
    }

    /// Refuses anything but int64 timesteps `[N]` in `1..=T`, on the CPU or the device of the constants.
    pub(crate) fn check_timesteps(&self, t: &Tensor) -> Result<()> {
        self.check_tensor(t)?;
        self.check(t)
    }

    pub(super) fn check_tensor(&self, t: &Tensor) -> Result<()> {
        if t.dim() != 1 || t.kind() != Kind::Int64 {
            let got = format!("a {:?} tensor of shape {:?}", t.kind(), t.size());
            return Err(Error::Timestep { expected: "int64 timesteps of shape [N]".to_owned(), got });
        }
        if ![Device::Cpu, self.device].contains(&t.device()) {
            return Err(Error::Device { what: "timesteps", expected: self.device, got: t.device() });
        }
        Ok(())
    }

    pub(super) fn check(&self, t: &Tensor) -> Result<()> {
        let t = t.to_device(Device::Cpu);
        let outside = t.lt(1).logical_or(&t.gt(self.timesteps() as i64)).nonzero();
        if outside.size()[0] == 0 {
            return Ok(());
        }
        let got = t.int64_value(&[outside.int64_value(&[0, 0])]).to_string();
        Err(Error::Timestep { expected: format!("1..={}", self.timesteps()), got })
    }
}

/// The timestep `t` for each of `n` samples, shape `[n]` int64.
pub(crate) fn same_timestep(t: usize, n: i64, device: Device) -> Tensor {
    Tensor::full([n], t as i64, (Kind::Int64, device))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of three timesteps is drawn as often as its share of `1 - alpha_bar_t` says, within five standard errors.
    #[test]
    fn perception_prioritized_timesteps_are_drawn_by_their_noise() {
        let constants = ConstantsManager::from_betas(&[0.1, 0.3, 0.5], 1, Device::Cpu)
            .unwrap()
            .with_timestep_sampling(TimestepSampling::PerceptionPrioritized);
        let alpha_bar = [0.9, 0.9 * 0.7, 0.9 * 0.7 * 0.5];
        let total: f64 = alpha_bar.iter().map(|a| 1.0 - a).sum();
        let n = 100_000;
        let drawn = constants.sample_timesteps(n);
        constants.check_timesteps(&drawn).unwrap();
        for (t, alpha_bar) in (1..).zip(alpha_bar) {
            let expected = (1.0 - alpha_bar) / total;
            let found = drawn.eq(t).sum(Kind::Int64).int64_value(&[]) as f64 / n as f64;
            let error = (expected * (1.0 - expected) / n as f64).sqrt();
            assert!((found - expected).abs() < 5.0 * error, "t = {t}: {found}, expected {expected}");
        }
    }
}
