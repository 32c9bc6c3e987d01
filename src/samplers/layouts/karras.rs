//! `Karras`: the noise levels of Karras et al. 2022.

use serde::{Deserialize, Serialize};

use super::{StepLayout, log_snr_at_end};
use crate::error::{Result, require};
use crate::process::Process;

/// Noise levels `sigma = s / a` whose `rho`-th roots are equally spaced, and a last step to 0.
///
/// ```text
/// sigma_i = ( sigma_max^(1/rho) + i / (K - 1) ( sigma_min^(1/rho) - sigma_max^(1/rho) ) )^rho,   i = 0 … K - 1,   sigma_K = 0
/// ```
/// Karras et al. 2022, equation 5. `sigma_max` is the noise level at the end of the process, `sigma_min` that at its
/// [first time](Process::first_time).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Karras {
    /// `rho`: the larger, the more steps at low noise.
    pub rho: f64,
}

impl Default for Karras {
    fn default() -> Self {
        Self { rho: 7.0 }
    }
}

impl StepLayout for Karras {
    fn times(&self, process: &dyn Process, steps: usize) -> Result<Vec<f64>> {
        require(self.rho > 0.0 && self.rho.is_finite(), "Karras.rho", "above 0", self.rho)?;
        let root = |log_snr: f64| (-log_snr / 2.0 / self.rho).exp();
        let largest = root(log_snr_at_end(process, "karras")?);
        let smallest = root(process.log_snr(process.first_time()));
        let time = |i: usize| match i {
            0 => process.end(),
            _ => {
                let root = largest + (smallest - largest) * i as f64 / (steps - 1) as f64;
                process.time_of_log_snr(-2.0 * self.rho * root.ln())
            }
        };
        Ok((0..steps).map(time).chain([0.0]).collect())
    }
}
