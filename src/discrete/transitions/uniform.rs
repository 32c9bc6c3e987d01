//! `UniformTransition`: to any category, all equally often.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::Transition;
use crate::discrete::TokenSchedule;
use crate::discrete::checks::check_states;
use crate::error::Result;

/// With probability `beta_t`, a category is replaced by one drawn uniformly: multinomial diffusion.
///
/// ```text
/// Q_t = ( 1 - beta_t ) I + beta_t 1 1^T / K
/// ```
/// Hoogeboom et al. 2021, section 4; Austin et al. 2021, appendix A.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UniformTransition {
    /// `beta_t`, the probability of a replacement.
    pub schedule: TokenSchedule,
}

impl Default for UniformTransition {
    fn default() -> Self {
        Self { schedule: TokenSchedule::Cosine }
    }
}

impl Transition for UniformTransition {
    fn betas(&self, steps: usize) -> Result<Vec<f64>> {
        self.schedule.probabilities(steps)
    }

    fn matrix(&self, states: i64, beta: f64) -> Result<Tensor> {
        check_states(states)?;
        Ok(Tensor::eye(states, (Kind::Double, Device::Cpu)) * (1.0 - beta) + beta / states as f64)
    }

    fn rates(&self, states: i64) -> Result<Option<Tensor>> {
        // To every category, at the same rate.
        let eye = Tensor::eye(states, (Kind::Double, Device::Cpu));
        Ok(Some(self.matrix(states, 1.0)? - eye))
    }
}
