//! `GaussianTransition`: to near categories, for categories with an order, such as grey levels.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::Transition;
use crate::discrete::TokenSchedule;
use crate::discrete::checks::check_states;
use crate::error::Result;

/// A discretized Gaussian: far categories are reached less often than near ones.
///
/// ```text
/// [Q_t]_ij = exp( -4 (i-j)^2 / ( (K-1)^2 beta_t ) ) / sum_{n = -(K-1) … K-1} exp( -4 n^2 / ( (K-1)^2 beta_t ) )   for i != j
/// [Q_t]_ii = 1 - sum_{j != i} [Q_t]_ij
/// ```
/// Austin et al. 2021, appendix A.2.3. The rest of each row stays where it is, so the matrix is symmetric and the uniform distribution
/// is stationary. Far fewer categories than the paper's 256 barely move in steps as short as those of `T = 1000`: choose a larger `last` there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianTransition {
    /// `beta_t`, which sets the variance.
    pub schedule: TokenSchedule,
}

impl Default for GaussianTransition {
    fn default() -> Self {
        Self { schedule: TokenSchedule::Linear { first: 1e-4, last: 0.02 } }
    }
}

impl Transition for GaussianTransition {
    fn betas(&self, steps: usize) -> Result<Vec<f64>> {
        self.schedule.betas(steps)
    }

    fn matrix(&self, states: i64, beta: f64) -> Result<Tensor> {
        check_states(states)?;
        let weight = |distance: &Tensor| (distance.square() * (-4.0 / ((states - 1).pow(2) as f64 * beta))).exp();
        let all = weight(&Tensor::arange_start(1 - states, states, (Kind::Double, Device::Cpu))).sum(Kind::Double);
        let at = Tensor::arange(states, (Kind::Double, Device::Cpu));
        let moves = (weight(&(at.unsqueeze(1) - &at)) / all).fill_diagonal_(0.0, false);
        let stays: Tensor = 1.0 - moves.sum_dim_intlist(1, false, Kind::Double);
        Ok(moves + Tensor::diag_embed(&stays, 0, -2, -1))
    }
}
