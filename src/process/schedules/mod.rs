//! Variance schedules: `beta_t`, the variance of the noise that step `t` adds, as a function of `t`.

use std::fmt::Debug;

use crate::catalogue::catalogue;
use crate::error::Result;

/// How the variance `beta_t` grows over the timesteps `1..=T`.
///
/// ```
/// use ddpm_tutor::prelude::*;
/// let beta: Vec<f64> = CosineSchedule.betas(40)?;
/// assert_eq!(beta.len(), 40);
/// assert!(beta.windows(2).all(|pair| pair[0] <= pair[1]));
/// # Ok::<(), Error>(())
/// ```
pub trait Schedule: Debug {
    /// `[beta_1, …, beta_T]`, each in `(0, 1)`.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for too few steps.
    fn betas(&self, timesteps: usize) -> Result<Vec<f64>>;
}

/// The declared properties of a schedule. For all schedules, `beta_t` never falls, and a thousand steps leave almost no
/// signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleProperties {
    /// The smallest number of timesteps that it supports.
    pub fewest_timesteps: usize,
}

catalogue! {
    /// The variance schedule of a process with steps.
    NoiseSchedule of "TrainingConfig.schedule", is Schedule, declares ScheduleProperties;
    linear::LinearSchedule, "linear": "beta_t rises linearly", "Ho et al. 2020, section 4", { fewest_timesteps: 21 };
    cosine::CosineSchedule, "cosine": "alpha_bar_t falls along a squared cosine", "Nichol & Dhariwal 2021, equation 17",
        { fewest_timesteps: 1 };
    original_linear::OriginalLinearSchedule, "original-linear": "linear, counted as in the original Python tutorial", "",
        { fewest_timesteps: 20 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_a_schedule_and_has_its_declared_properties() {
        for entry in NoiseSchedule::ENTRIES {
            let config = NoiseSchedule::from_name(entry.name).unwrap();
            let (schedule, fewest) = (config.build(), config.properties().fewest_timesteps);
            for timesteps in [fewest, fewest + 1, 40, 1000] {
                let betas = schedule.betas(timesteps).unwrap();
                assert_eq!(betas.len(), timesteps, "{}", entry.name);
                assert!(betas.iter().all(|beta| 0.0 < *beta && *beta < 1.0), "{}: {betas:?}", entry.name);
                // The original's first step does the work of two.
                assert!(betas[1..].is_sorted(), "{}: {betas:?}", entry.name);
            }
            let left: f64 = schedule.betas(1000).unwrap().iter().map(|beta| 1.0 - beta).product();
            assert!(left < 1e-4, "{}: alpha_bar_T = {left}", entry.name);
            let message = schedule.betas(fewest - 1).unwrap_err().to_string();
            assert!(message.contains("TrainingConfig.timesteps"), "{message}");
        }
    }

    #[test]
    fn a_name_alone_and_an_object_are_read() {
        for entry in NoiseSchedule::ENTRIES {
            let config = NoiseSchedule::from_name(entry.name).unwrap();
            let json = serde_json::to_string(&config).unwrap();
            assert_eq!(json, format!(r#"{{"name":"{}"}}"#, entry.name));
            for text in [json, format!(r#""{}""#, entry.name)] {
                assert_eq!(serde_json::from_str::<NoiseSchedule>(&text).unwrap(), config);
            }
        }
        let problem = |text: &str| serde_json::from_str::<NoiseSchedule>(text).unwrap_err().to_string();
        assert!(problem(r#""cosin""#).contains("did you mean \"cosine\""), "{}", problem(r#""cosin""#));
        let unknown = problem(r#"{"name": "cosine", "offset": 1}"#);
        assert!(unknown.contains("unknown field `offset` of cosine: it has no settings"), "{unknown}");
    }
}
