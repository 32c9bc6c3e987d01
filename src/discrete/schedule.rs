//! `TokenSchedule`: `beta_t` of the transitions between categories.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, require};

/// How `beta_t`, the strength of step `t`, grows over the steps `1..=T`. Unlike Gaussian noise, a step between categories may take everything:
/// `beta_T = 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum TokenSchedule {
    /// `beta_t = 1 / (T - t + 1)`: with [absorbing](super::AbsorbingTransition) transitions, the share `t / T` of the tokens is masked after
    /// `t` steps. Sohl-Dickstein et al. 2015; Austin et al. 2021, section 3.2.
    Reciprocal,
    /// `beta_t = 1 - alpha_bar_t / alpha_bar_{t-1}`, where `alpha_bar_t` falls along a squared cosine to 0. Hoogeboom et al. 2021, section 4.
    Cosine,
    /// `beta_t` rises linearly from `first` to `last`; both are for 1000 steps, and are scaled by `1000 / T`. Austin et al. 2021, appendix A.2.3.
    Linear {
        /// `beta_1` of 1000 steps.
        first: f64,
        /// `beta_1000` of 1000 steps.
        last: f64,
    },
}

/// The offset that keeps `beta_1` from vanishing. Nichol & Dhariwal 2021, section 3.2.
const OFFSET: f64 = 0.008;

impl TokenSchedule {
    /// `[beta_1, …, beta_T]`.
    ///
    /// # Errors
    /// [`Error::Config`] for no steps, and unless `0 < first <= last`.
    pub fn betas(&self, steps: usize) -> Result<Vec<f64>> {
        require((1..=100_000).contains(&steps), "timesteps", "1 to 100000", steps)?;
        let all = 1..=steps;
        Ok(match *self {
            Self::Reciprocal => all.map(|t| 1.0 / (steps - t + 1) as f64).collect(),
            Self::Cosine => {
                let angle = |t: usize| (t as f64 / steps as f64 + OFFSET) / (1.0 + OFFSET) * FRAC_PI_2;
                let f = |t: usize| if t == steps { 0.0 } else { angle(t).cos().powi(2) };
                all.map(|t| 1.0 - f(t) / f(t - 1)).collect()
            }
            Self::Linear { first, last } => {
                if !(first > 0.0 && first <= last && last.is_finite()) {
                    let got = format!("first = {first}, last = {last}");
                    return Err(Error::config("TokenSchedule.linear", "0 < first <= last", got));
                }
                let (scale, gaps) = (1000.0 / steps as f64, (steps - 1).max(1) as f64);
                all.map(|t| scale * (first + (last - first) * (t - 1) as f64 / gaps)).collect()
            }
        })
    }

    /// As [`betas`](Self::betas), for transitions whose `beta_t` is a probability.
    pub(super) fn probabilities(&self, steps: usize) -> Result<Vec<f64>> {
        let betas = self.betas(steps)?;
        match betas.iter().position(|beta| *beta > 1.0) {
            None => Ok(betas),
            Some(i) => {
                let expected = format!("probabilities, at most 1: take more than {steps} steps, or a smaller `last`");
                Err(Error::config("TokenSchedule.linear", expected, format!("beta_{} = {}", i + 1, betas[i])))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_the_closed_forms() {
        for steps in [1_usize, 7, 40] {
            let mut left = 1.0;
            for (beta, t) in TokenSchedule::Reciprocal.betas(steps).unwrap().iter().zip(1..) {
                left *= 1.0 - beta;
                assert!((left - (1.0 - f64::from(t) / steps as f64)).abs() < 1e-12, "{t} of {steps}");
            }
            let cosine = TokenSchedule::Cosine.betas(steps).unwrap();
            assert_eq!((cosine.len(), cosine[steps - 1]), (steps, 1.0));
            assert!(cosine.is_sorted() && cosine[0] > 0.0);
        }
        let linear = TokenSchedule::Linear { first: 1e-4, last: 0.02 };
        let betas = linear.betas(500).unwrap();
        assert!((betas[0] - 2e-4).abs() < 1e-15 && (betas[499] - 0.04).abs() < 1e-15);
    }

    #[test]
    fn impossible_settings_are_rejected() {
        let message = |schedule: TokenSchedule, steps| schedule.probabilities(steps).unwrap_err().to_string();
        assert!(message(TokenSchedule::Cosine, 0).contains("1 to 100000"));
        assert!(message(TokenSchedule::Linear { first: 0.0, last: 0.1 }, 10).contains("0 < first"));
        let message = message(TokenSchedule::Linear { first: 1e-4, last: 0.02 }, 7);
        assert!(message.contains("beta_4") && message.contains("more than 7 steps"), "{message}");
    }
}
