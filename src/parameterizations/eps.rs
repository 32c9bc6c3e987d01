//! `Eps`: the network predicts the noise.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Denoised, Parameterization};
use crate::process::Level;

/// `F_theta = eps_theta`: the network predicts the noise in `x_t`.
///
/// ```text
/// x_0 = ( x_t - s eps_theta(x_t, t) ) / a
/// ```
/// Ho et al. 2020, equations 12 and 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Eps;

impl Parameterization for Eps {
    fn target(&self, _x0: &Tensor, eps: &Tensor, _level: &Level) -> Tensor {
        eps.shallow_clone()
    }

    fn read(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Denoised {
        Denoised::from_eps(output.shallow_clone(), x_t, level)
    }
}
