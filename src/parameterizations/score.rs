//! `Score`: the network predicts the gradient of the log density.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Denoised, Parameterization};
use crate::process::Level;

/// `F_theta = grad log q(x_t)`, the direction in which samples become more likely; `- eps / s` is an estimate of it for each
/// sample. It is large at low noise, where its squared error dominates an unweighted mean. Song & Ermon 2019, equation 6,
/// therefore weight it by `s^2`, which makes it the error of `eps`.
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
