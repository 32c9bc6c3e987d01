//! `AbsorbingTransition`: to a mask, from which nothing returns.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::Transition;
use crate::discrete::TokenSchedule;
use crate::discrete::checks::check_states;
use crate::error::Result;

/// With probability `beta_t`, a category is replaced by the mask `m`, and stays masked: masked diffusion.
///
/// ```text
/// Q_t = ( 1 - beta_t ) I + beta_t 1 e_m^T
/// ```
/// Austin et al. 2021, appendix A.2.2; Sahoo et al. 2024, section 3.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AbsorbingTransition {
    /// `beta_t`, the probability of the mask.
    pub schedule: TokenSchedule,
}

impl Default for AbsorbingTransition {
    fn default() -> Self {
        Self { schedule: TokenSchedule::Reciprocal }
    }
}

impl Transition for AbsorbingTransition {
    fn has_mask(&self) -> bool {
        true
    }

    fn betas(&self, steps: usize) -> Result<Vec<f64>> {
        self.schedule.probabilities(steps)
    }

    fn matrix(&self, states: i64, beta: f64) -> Result<Tensor> {
        check_states(states)?;
        Ok(Tensor::eye(states, (Kind::Double, Device::Cpu)) * (1.0 - beta) + self.stationary(states) * beta)
    }

    fn rates(&self, states: i64) -> Result<Option<Tensor>> {
        // To the mask, at rate 1.
        let eye = Tensor::eye(states, (Kind::Double, Device::Cpu));
        Ok(Some(self.matrix(states, 1.0)? - eye))
    }
}
