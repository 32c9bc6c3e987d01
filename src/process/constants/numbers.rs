//! The constants at one timestep as plain numbers in f64, for sampling, where all samples share a timestep.

use super::{ConstantsManager, index};
use crate::error::{Error, Result};

impl ConstantsManager {
    /// `beta_1 … beta_T`.
    pub fn betas(&self) -> &[f64] {
        &self.betas
    }

    /// `beta_t` in f64, for `t` in `1..=T`.
    ///
    /// # Panics
    /// For another `t`, like all functions here that take `t` as a plain number.
    pub fn beta(&self, t: usize) -> f64 {
        self.betas[self.row(t)]
    }

    /// `alpha_bar_t` in f64, for `t` in `0..=T`; `alpha_bar_0` is 1.
    pub fn alpha_cumulative(&self, t: usize) -> f64 {
        if t == 0 { 1.0 } else { self.alpha_bars[self.row(t)] }
    }

    /// Rejects a `t` outside `1..=T`.
    pub(crate) fn check_timestep(&self, t: usize) -> Result<()> {
        if (1..=self.timesteps()).contains(&t) {
            return Ok(());
        }
        Err(Error::Timestep { expected: format!("1..={}", self.timesteps()), got: t.to_string() })
    }

    fn row(&self, t: usize) -> usize {
        if let Err(error) = self.check_timestep(t) {
            panic!("{error}");
        }
        index(t as i64) as usize
    }

    /// The signal-to-noise ratio `alpha_bar_t / (1 - alpha_bar_t)`, for `t` in `1..=T`. Kingma et al. 2021, section
    /// 3.1.
    pub fn signal_to_noise(&self, t: usize) -> f64 {
        self.alpha_cumulative(t) / (1.0 - self.alpha_cumulative(t))
    }

    /// A warning if `x_T` is not yet noise: sampling starts from pure noise, which the network would never have seen.
    pub fn warning(&self) -> Option<String> {
        let snr = self.signal_to_noise(self.timesteps());
        (snr > 0.01).then(|| {
            format!(
                "the schedule ends with a signal-to-noise ratio of {snr:.2}: x_T still contains {:.0} % of x_0, but sampling \
                 starts from pure noise. Use more timesteps or larger betas",
                100.0 * self.alpha_cumulative(self.timesteps()).sqrt()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn constants() -> ConstantsManager {
        ConstantsManager::from_betas(&[0.1, 0.2], 1, Device::Cpu).unwrap()
    }

    #[test]
    #[should_panic(expected = "timestep t: expected 1..=2, got 0")]
    fn clean_data_has_no_beta() {
        constants().beta(0);
    }

    #[test]
    #[should_panic(expected = "timestep t: expected 1..=2, got 3")]
    fn a_step_after_the_last_has_no_beta() {
        constants().alpha_cumulative(3);
    }
}
