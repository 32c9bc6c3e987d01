//! `X0`: the network predicts the data.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Denoised, Parameterization};
use crate::process::Level;

/// `F_theta = x_0`: the network predicts the data in `x_t`. The prediction cannot be far off, however little signal is
/// left, but it says little about the noise if there is hardly any.
///
/// ```text
/// eps = ( x_t - a F_theta ) / s
/// ```
/// Ho et al. 2020, section 3.2; Salimans & Ho 2022, section 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct X0;

impl Parameterization for X0 {
    fn target(&self, x0: &Tensor, _eps: &Tensor, _level: &Level) -> Tensor {
        x0.shallow_clone()
    }

    fn read(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Denoised {
        Denoised::from_x0(output.shallow_clone(), x_t, level)
    }
}
