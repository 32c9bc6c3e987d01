//! `Score`: the network predicts the gradient of the log density.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Denoised, Parameterization};
use crate::process::Level;

/// `F_theta = grad log q(x_t)`, of which `- eps / s` is an estimate for each sample: the direction in which samples become more likely.
/// Where there is little noise it is large, and its squared error is all that a plain mean sees; hence the weight `s^2` in Song & Ermon
/// 2019, equation 6, with which it becomes the error of `eps`.
///
/// ```text
/// eps = - s F_theta,   x_0 = ( x_t + s^2 F_theta ) / a
/// ```
/// Vincent 2011, section 4.3; Song & Ermon 2019, equation 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score;

impl Parameterization for Score {
    fn target(&self, _x0: &Tensor, eps: &Tensor, level: &Level) -> Tensor {
        -(eps.shallow_clone() / &level.noise)
    }

    fn read(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Denoised {
        Denoised::from_eps(-(&level.noise * output), x_t, level)
    }
}
