//! `Velocity`: the network predicts the difference between noise and data.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Denoised, Parameterization};
use crate::process::Level;

/// `F_theta = eps - x_0`: on a [flow](crate::process::Flow), `x_t = (1 - t) x_0 + t eps`, the velocity `dx_t / dt` of a sample on a straight
/// line. (It is not [`V`](super::V), the velocity on a circle.)
///
/// ```text
/// x_0 = ( x_t - s F_theta ) / ( a + s ),   eps = ( x_t + a F_theta ) / ( a + s )
/// ```
/// Liu et al. 2023, equation 1; Lipman et al. 2023, equation 23, whose time runs the other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Velocity;

impl Parameterization for Velocity {
    fn target(&self, x0: &Tensor, eps: &Tensor, _level: &Level) -> Tensor {
        eps - x0
    }

    fn read(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Denoised {
        let share = level.factor(|a, s| 1.0 / (a + s));
        let (signal, noise) = (level.factor(|a, s| a / (a + s)), level.factor(|a, s| s / (a + s)));
        Denoised { x0: &share * x_t - noise * output, eps: &share * x_t + signal * output, variance_share: None }
    }
}
