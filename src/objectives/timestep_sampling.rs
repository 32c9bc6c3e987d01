//! How often a training sees each timestep.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::process::Process;

/// How often each timestep is drawn in training: the distribution `p(t)` of Algorithm 1, line 3.
///
/// Drawing `t ~ p(t)` has the expected gradient of drawing uniformly and weighing the loss at `t` by `T p(t)`, without
/// spending work on samples that then hardly count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimestepSampling {
    /// `p(t) = 1 / T`; of a process without steps, uniform between 0 and its end. Ho et al. 2020, Algorithm 1.
    #[default]
    Uniform,
    /// `p(t)` proportional to `1 / (1 + SNR(t)) = 1 - alpha_bar_t`: fewer steps at which hardly any noise is left to see, more of those at
    /// which shapes come about. The weights of Choi et al. 2022, "Perception Prioritized Training of Diffusion Models", with
    /// `k = 1` and `gamma = 1`.
    PerceptionPrioritized,
}

impl TimestepSampling {
    /// `t ~ p(t)`, shape `[n]`, on the CPU, from libtorch's generator: int64 in `1..=T` for a process of steps, else f64.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where these are weights of steps and the process has none.
    pub fn draw(self, process: &dyn Process, n: i64) -> Result<Tensor> {
        match (self, process.steps()) {
            (TimestepSampling::Uniform, Some(steps)) => {
                Ok(Tensor::randint_low(1, steps as i64 + 1, [n], (Kind::Int64, Device::Cpu)))
            }
            (TimestepSampling::Uniform, None) => {
                // In (0, end]: at 0 there is no noise to see.
                let share: Tensor = 1.0 - Tensor::rand([n], (Kind::Double, Device::Cpu));
                Ok(share * process.end())
            }
            (TimestepSampling::PerceptionPrioritized, Some(steps)) => {
                let weight = |t: usize| 1.0 / (1.0 + (process.signal(t as f64) / process.noise(t as f64)).powi(2));
                let weights: Vec<f64> = (1..=steps).map(weight).collect();
                Ok(Tensor::from_slice(&weights).multinomial(n, true) + 1)
            }
            (TimestepSampling::PerceptionPrioritized, None) => Err(Error::Unsupported(
                "perception-prioritized draws from the steps of a process, and this one has none: use uniform"
                    .to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::ConstantsManager;

    /// Each of three timesteps is drawn as often as its share of `1 - alpha_bar_t` says, within five standard errors.
    #[test]
    fn perception_prioritized_timesteps_are_drawn_by_their_noise() {
        let constants = ConstantsManager::from_betas(&[0.1, 0.3, 0.5], 1, Device::Cpu).unwrap();
        let alpha_bar = [0.9, 0.9 * 0.7, 0.9 * 0.7 * 0.5];
        let total: f64 = alpha_bar.iter().map(|a| 1.0 - a).sum();
        let n = 100_000;
        let drawn = TimestepSampling::PerceptionPrioritized.draw(&constants, n).unwrap();
        assert_eq!((drawn.size(), drawn.kind()), (vec![n], Kind::Int64));
        for (t, alpha_bar) in (1..).zip(alpha_bar) {
            let expected = (1.0 - alpha_bar) / total;
            let found = drawn.eq(t).sum(Kind::Int64).int64_value(&[]) as f64 / n as f64;
            let error = (expected * (1.0 - expected) / n as f64).sqrt();
            assert!((found - expected).abs() < 5.0 * error, "t = {t}: {found}, expected {expected}");
        }
    }
}
