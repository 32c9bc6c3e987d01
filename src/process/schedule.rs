//! The variance schedule: `beta_t`, the variance of the noise that step `t` adds, as a function of `t`.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the variance `beta_t` grows over the timesteps `1..=T`.
///
/// ```
/// use ddpm_tutor::prelude::*;
/// let beta: Vec<f64> = NoiseSchedule::Cosine.betas(40)?;
/// assert_eq!(beta.len(), 40);
/// assert!(beta.windows(2).all(|pair| pair[0] <= pair[1]));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseSchedule {
    /// `beta_t` rises linearly from `1e-4 s` to `0.02 s`, with `s = 1000 / T` so that fewer steps destroy as much.
    /// Ho et al. 2020, section 4 (there with `T = 1000`, so `s = 1`).
    Linear,
    /// `alpha_bar_t` falls along a squared cosine, gently at both ends; `beta_t` is clipped at 0.999.
    /// Nichol & Dhariwal 2021, equation 17.
    Cosine,
    /// The linear schedule as the original Python tutorial ran it. It had `beta = linspace(1e-4 s, 0.02 s, n)` for a number
    /// `n` of its own, `s = 1000 / n`, counted from 0, and never used step 0. Here that is `T = n - 1` steps: the first does
    /// what its steps 0 and 1 did together, `beta_1 = 1 - alpha_0 alpha_1`, and `beta_t` is its number `t` from there on.
    /// So `alpha_bar_t` is the original's at every `t`, and a network from there is fed the timesteps it was trained with.
    OriginalLinear,
}

/// The offset that keeps `beta_1` from vanishing. Nichol & Dhariwal 2021, section 3.2.
const COSINE_OFFSET: f64 = 0.008;
/// The largest `beta_t`, against a singularity at `t = T`. Nichol & Dhariwal 2021, section 3.2.
const MAX_BETA: f64 = 0.999;

impl NoiseSchedule {
    /// `[beta_1, …, beta_T]`, each in `(0, 1)`.
    ///
    /// # Errors
    /// [`Error::Config`] where `T` is 0, or where a linear schedule would need a `beta_T` of 1 or more (`T <= 20`; the
    /// original's: `T <= 19`).
    pub fn betas(self, timesteps: usize) -> Result<Vec<f64>> {
        let field = "TrainingConfig.timesteps";
        if timesteps == 0 {
            return Err(Error::config(field, "at least 1", timesteps));
        }
        let steps = timesteps as f64;
        match self {
            NoiseSchedule::Linear => {
                if timesteps <= 20 {
                    let expected = "more than 20 for the linear schedule (its beta_T is 20 / T and has to stay below 1); \
                                    the cosine schedule takes any number";
                    return Err(Error::config(field, expected, timesteps));
                }
                Ok(linspace(timesteps))
            }
            NoiseSchedule::OriginalLinear => {
                if timesteps <= 19 {
                    let expected = "more than 19 for the original's linear schedule (its last beta is 20 / (T + 1) and has \
                                    to stay below 1)";
                    return Err(Error::config(field, expected, timesteps));
                }
                let mut betas = linspace(timesteps + 1);
                let unused = betas.remove(0);
                betas[0] = 1.0 - (1.0 - unused) * (1.0 - betas[0]);
                Ok(betas)
            }
            NoiseSchedule::Cosine => {
                let f = |t: f64| ((t / steps + COSINE_OFFSET) / (1.0 + COSINE_OFFSET) * FRAC_PI_2).cos().powi(2);
                let beta = |t: usize| 1.0 - f(t as f64) / f(t as f64 - 1.0);
                Ok((1..=timesteps).map(|t| beta(t).min(MAX_BETA)).collect())
            }
        }
    }
}

/// `n` values from `1e-4 s` to `0.02 s`, both included, `s = 1000 / n`.
fn linspace(n: usize) -> Vec<f64> {
    let steps = n as f64;
    let scale = 1000.0 / steps;
    let (first, last) = (1e-4 * scale, 0.02 * scale);
    (0..n).map(|i| first + (last - first) * i as f64 / (steps - 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_is_the_original_at_a_thousand_steps_and_scaled_below() {
        let beta = NoiseSchedule::Linear.betas(1000).unwrap();
        assert!((beta[0] - 1e-4).abs() < 1e-15 && (beta[999] - 0.02).abs() < 1e-15);
        let beta = NoiseSchedule::Linear.betas(40).unwrap();
        assert!((beta[0] - 0.0025).abs() < 1e-15 && (beta[39] - 0.5).abs() < 1e-15);
    }

    #[test]
    fn cosine_alpha_bar_follows_the_closed_form_until_the_clip() {
        let beta = NoiseSchedule::Cosine.betas(40).unwrap();
        let f = |t: f64| ((t / 40.0 + 0.008) / 1.008 * FRAC_PI_2).cos().powi(2);
        let mut alpha_bar = 1.0;
        for (i, beta) in beta.iter().enumerate().take(39) {
            alpha_bar *= 1.0 - beta;
            assert!((alpha_bar - f(i as f64 + 1.0) / f(0.0)).abs() < 1e-12, "t = {}", i + 1);
        }
        assert_eq!(beta[39], MAX_BETA);
    }

    #[test]
    fn the_originals_alpha_bar_at_every_step_that_it_used() {
        for n in [21, 40, 1000] {
            let ours = NoiseSchedule::OriginalLinear.betas(n - 1).unwrap();
            assert_eq!(ours.len(), n - 1);
            let theirs = |i: usize| (1e-4 + (0.02 - 1e-4) * i as f64 / (n as f64 - 1.0)) * 1000.0 / n as f64;
            let mut alpha_bar = 1.0;
            for t in 1..n {
                alpha_bar *= 1.0 - ours[t - 1];
                let expected: f64 = (0..=t).map(|i| 1.0 - theirs(i)).product();
                assert!((alpha_bar - expected).abs() < 1e-13, "n = {n}, t = {t}: {alpha_bar} {expected}");
                assert!(t == 1 || (ours[t - 1] - theirs(t)).abs() < 1e-15);
            }
        }
        assert!(NoiseSchedule::OriginalLinear.betas(19).unwrap_err().to_string().contains("more than 19"));
        assert_eq!(serde_json::to_string(&NoiseSchedule::OriginalLinear).unwrap(), "\"original-linear\"");
    }

    #[test]
    fn impossible_lengths_are_refused() {
        assert!(NoiseSchedule::Cosine.betas(0).is_err());
        let message = NoiseSchedule::Linear.betas(20).unwrap_err().to_string();
        assert!(message.contains("more than 20") && message.ends_with("got 20"), "{message}");
        assert_eq!(NoiseSchedule::Cosine.betas(1).unwrap(), vec![MAX_BETA]);
    }
}
