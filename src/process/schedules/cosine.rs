//! `CosineSchedule`: the schedule of Nichol & Dhariwal 2021.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::error::{Error, Result};

/// `alpha_bar_t` falls along a squared cosine, gently at both ends.
///
/// ```text
/// alpha_bar_t = f(t) / f(0),   f(t) = cos^2( (t / T + 0.008) / 1.008 · pi / 2 )
/// beta_t      = min( 1 - alpha_bar_t / alpha_bar_{t-1}, 0.999 )
/// ```
/// Nichol & Dhariwal 2021, equation 17.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineSchedule;

/// The offset that keeps `beta_1` from vanishing. Nichol & Dhariwal 2021, section 3.2.
const OFFSET: f64 = 0.008;
/// The largest `beta_t`, against a singularity at `t = T`. Nichol & Dhariwal 2021, section 3.2.
const MAX_BETA: f64 = 0.999;

impl Schedule for CosineSchedule {
    fn betas(&self, timesteps: usize) -> Result<Vec<f64>> {
        if timesteps == 0 {
            return Err(Error::config("TrainingConfig.timesteps", "at least 1", timesteps));
        }
        let f = |t: usize| ((t as f64 / timesteps as f64 + OFFSET) / (1.0 + OFFSET) * FRAC_PI_2).cos().powi(2);
        Ok((1..=timesteps).map(|t| (1.0 - f(t) / f(t - 1)).min(MAX_BETA)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_bar_follows_the_closed_form_until_the_clip() {
        let beta = CosineSchedule.betas(40).unwrap();
        let f = |t: f64| ((t / 40.0 + 0.008) / 1.008 * FRAC_PI_2).cos().powi(2);
        let mut alpha_bar = 1.0;
        for (i, beta) in beta.iter().enumerate().take(39) {
            alpha_bar *= 1.0 - beta;
            assert!((alpha_bar - f(i as f64 + 1.0) / f(0.0)).abs() < 1e-12, "t = {}", i + 1);
        }
        assert_eq!(beta[39], MAX_BETA);
        assert_eq!(CosineSchedule.betas(1).unwrap(), [MAX_BETA]);
    }
}
