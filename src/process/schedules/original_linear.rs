//! `OriginalLinearSchedule`: the linear schedule as the original Python tutorial ran it.

use serde::{Deserialize, Serialize};

use super::Schedule;
use super::linear::linspace;
use crate::error::{Error, Result};

/// The linear schedule as the original Python tutorial used it: `beta = linspace(1e-4 s, 0.02 s, n)` with
/// `s = 1000 / n`, counted from 0, but without ever using step 0. Here this becomes `T = n - 1` steps: the first
/// combines its steps 0 and 1, `beta_1 = 1 - alpha_0 alpha_1`, and from there on `beta_t` is its `beta` number `t`.
/// Thus `alpha_bar_t` equals the original's at every `t`, and an imported network gets the timesteps that it was
/// trained with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginalLinearSchedule;

impl Schedule for OriginalLinearSchedule {
    fn betas(&self, timesteps: usize) -> Result<Vec<f64>> {
        if timesteps <= 19 {
            let expected = "more than 19 for the original's linear schedule (its last beta is 20 / (T + 1) and has to stay below 1)";
            return Err(Error::config("TrainingConfig.timesteps", expected, timesteps));
        }
        let mut betas = linspace(timesteps + 1);
        let unused = betas.remove(0);
        betas[0] = 1.0 - (1.0 - unused) * (1.0 - betas[0]);
        Ok(betas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_bar_is_the_originals_at_every_step_that_it_used() {
        for n in [21, 40, 1000] {
            let ours = OriginalLinearSchedule.betas(n - 1).unwrap();
            let theirs = |i: usize| (1e-4 + (0.02 - 1e-4) * i as f64 / (n as f64 - 1.0)) * 1000.0 / n as f64;
            let mut alpha_bar = 1.0;
            for t in 1..n {
                alpha_bar *= 1.0 - ours[t - 1];
                let expected: f64 = (0..=t).map(|i| 1.0 - theirs(i)).product();
                assert!((alpha_bar - expected).abs() < 1e-13, "n = {n}, t = {t}: {alpha_bar} {expected}");
                assert!(t == 1 || (ours[t - 1] - theirs(t)).abs() < 1e-15);
            }
        }
    }
}
