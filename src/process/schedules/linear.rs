//! `LinearSchedule`: the schedule of Ho et al. 2020.

use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::error::{Error, Result};

/// `beta_t` rises linearly, and faster with fewer steps, so that the same amount of signal is destroyed.
///
/// ```text
/// beta_t from 1e-4 s to 0.02 s,   s = 1000 / T
/// ```
/// Ho et al. 2020, section 4 (there with `T = 1000`, so `s = 1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearSchedule;

impl Schedule for LinearSchedule {
    fn betas(&self, timesteps: usize) -> Result<Vec<f64>> {
        if timesteps <= 20 {
            let expected = "more than 20 for the linear schedule (its beta_T is 20 / T and has to stay below 1); \
                            the cosine schedule takes any number";
            return Err(Error::config("TrainingConfig.timesteps", expected, timesteps));
        }
        Ok(linspace(timesteps))
    }
}

/// `n` values from `1e-4 s` to `0.02 s`, both included, `s = 1000 / n`.
pub(super) fn linspace(n: usize) -> Vec<f64> {
    let steps = n as f64;
    let scale = 1000.0 / steps;
    let (first, last) = (1e-4 * scale, 0.02 * scale);
    (0..n).map(|i| first + (last - first) * i as f64 / (steps - 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_paper_for_a_thousand_steps_and_scaled_for_fewer() {
        let beta = LinearSchedule.betas(1000).unwrap();
        assert!((beta[0] - 1e-4).abs() < 1e-15 && (beta[999] - 0.02).abs() < 1e-15);
        let beta = LinearSchedule.betas(40).unwrap();
        assert!((beta[0] - 0.0025).abs() < 1e-15 && (beta[39] - 0.5).abs() < 1e-15);
        let message = LinearSchedule.betas(20).unwrap_err().to_string();
        assert!(message.contains("more than 20") && message.ends_with("got 20"), "{message}");
    }
}
