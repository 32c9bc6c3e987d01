//! `PerceptionPrioritized`: low noise less often.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{TimestepSampling, draw_by_weight};
use crate::error::Result;
use crate::process::Process;

/// `p(t)` proportional to `1 / (1 + SNR(t)) = 1 - alpha_bar_t`: fewer timesteps with hardly any noise, more of those
/// at which shapes form. The weights of Choi et al. 2022, "Perception Prioritized Training of Diffusion Models", with
/// `k = 1` and `gamma = 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerceptionPrioritized;

impl TimestepSampling for PerceptionPrioritized {
    fn draw(&self, process: &dyn Process, n: i64) -> Result<Tensor> {
        Ok(draw_by_weight(process, n, |t| 1.0 / (1.0 + (process.signal(t) / process.noise(t)).powi(2))))
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::process::ConstantsManager;

    /// Each of three timesteps is drawn as often as its share of `1 - alpha_bar_t` says, within five standard errors.
    #[test]
    fn timesteps_are_drawn_by_their_noise() {
        let constants = ConstantsManager::from_betas(&[0.1, 0.3, 0.5], 1, Device::Cpu).unwrap();
        let alpha_bar = [0.9, 0.9 * 0.7, 0.9 * 0.7 * 0.5];
        let total: f64 = alpha_bar.iter().map(|a| 1.0 - a).sum();
        let n = 100_000;
        let drawn = PerceptionPrioritized.draw(&constants, n).unwrap();
        for (t, alpha_bar) in (1..).zip(alpha_bar) {
            let expected = (1.0 - alpha_bar) / total;
            let found = drawn.eq(t).sum(Kind::Int64).int64_value(&[]) as f64 / n as f64;
            let error = (expected * (1.0 - expected) / n as f64).sqrt();
            assert!((found - expected).abs() < 5.0 * error, "t = {t}: {found}, expected {expected}");
        }
    }
}
