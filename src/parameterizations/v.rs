//! `V`: the network predicts the velocity, a mixture of noise and data with the same scale at all times.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Denoised, Parameterization};
use crate::process::Level;

/// `F_theta = v = a eps - s x_0`: if `a^2 + s^2 = 1`, the direction in which `x_t` moves as its angle between data and
/// noise grows. (This is not the velocity `eps - x_0` of a flow.) With much noise it is nearly the negative data, with
/// little noise nearly the noise, so it is well behaved at both ends.
///
/// ```text
/// x_0 = ( a x_t - s F_theta ) / ( a^2 + s^2 )
/// ```
/// Salimans & Ho 2022, section 4 and appendix D, for `a^2 + s^2 = 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct V;

impl Parameterization for V {
    fn target(&self, x0: &Tensor, eps: &Tensor, level: &Level) -> Tensor {
        &level.signal * eps - &level.noise * x0
    }

    fn read(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Denoised {
        let signal = level.factor(|a, s| a / (a * a + s * s));
        let noise = level.factor(|a, s| s / (a * a + s * s));
        Denoised { x0: &signal * x_t - &noise * output, eps: &noise * x_t + &signal * output, variance_share: None }
    }
}
