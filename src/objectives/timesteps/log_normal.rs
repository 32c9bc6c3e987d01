//! `LogNormal`: the distribution of noise levels of Karras et al.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::TimestepSampling;
use crate::error::{Result, require};
use crate::process::Process;

/// `ln(sigma) ~ N( P_mean, P_std^2 )`, for the noise level `sigma = s / a`: most often where there is something to learn, rarely at very low
/// or very high noise. The time is the one with this noise level; for a process with steps, the nearest step.
///
/// Karras et al. 2022, table 1 and section 5.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogNormal {
    /// `P_mean`
    pub mean: f64,
    /// `P_std`, above 0.
    pub std: f64,
}

impl Default for LogNormal {
    fn default() -> Self {
        Self { mean: -1.2, std: 1.2 }
    }
}

impl TimestepSampling for LogNormal {
    fn draw(&self, process: &dyn Process, n: i64) -> Result<Tensor> {
        require(self.std > 0.0 && self.std.is_finite(), "LogNormal.std", "above 0", self.std)?;
        let drawn = Tensor::randn([n], (Kind::Double, Device::Cpu)) * self.std + self.mean;
        let times: Vec<f64> = Vec::<f64>::try_from(drawn)?
            .iter()
            .map(|log_sigma| process.time_of_log_snr(-2.0 * log_sigma))
            .collect();
        let times = Tensor::from_slice(&times);
        Ok(if process.steps().is_some() { times.round().clamp_min(1.0).to_kind(Kind::Int64) } else { times })
    }
}
