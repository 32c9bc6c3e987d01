//! Times for samplers that take fewer steps than the forward process.

use crate::error::{Error, Result};
use crate::process::Process;

/// `steps` strides of about the same length, the last of which ends at 0, from the end of the process on: for `T = 1000` and 10 steps `1000,
/// 900, …, 100, 0`. None for all steps of a process that has steps. "Trailing" in Lin et al. 2024, section 3.3.
pub(super) fn trailing(process: &dyn Process, steps: Option<usize>) -> Result<Vec<f64>> {
    let steps = match (steps, process.steps()) {
        (None, Some(all)) => all,
        (Some(steps), None) if steps >= 1 => steps,
        (Some(steps), Some(all)) if (1..=all).contains(&steps) => steps,
        (None, None) => {
            let expected = "a number of steps, for a process whose times are real numbers";
            return Err(Error::config("steps of the sampler", expected, "none"));
        }
        (Some(steps), all) => {
            let expected = all.map_or("at least 1".to_owned(), |all| format!("1 to {all}, those of the process"));
            return Err(Error::config("steps of the sampler", expected, steps));
        }
    };
    let time = |i: usize| process.end() * i as f64 / steps as f64;
    let rounded = |t: f64| if process.steps().is_some() { t.round() } else { t };
    Ok((0..=steps).rev().map(|i| rounded(time(i))).collect())
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::process::{ConstantsManager, NoiseSchedule};

    #[test]
    fn strides_end_at_0_and_begin_at_the_last_time() {
        let constants =
            ConstantsManager::from_betas(&NoiseSchedule::Cosine.betas(40).unwrap(), 1, Device::Cpu).unwrap();
        assert_eq!(trailing(&constants, Some(4)).unwrap(), [40.0, 30.0, 20.0, 10.0, 0.0]);
        assert_eq!(trailing(&constants, Some(3)).unwrap(), [40.0, 27.0, 13.0, 0.0]);
        assert_eq!(trailing(&constants, None).unwrap().len(), 41);
        for wrong in [0, 41] {
            let message = trailing(&constants, Some(wrong)).unwrap_err().to_string();
            assert!(message.contains("1 to 40"), "{message}");
        }
    }
}
