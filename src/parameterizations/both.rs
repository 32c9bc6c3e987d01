//! `Both`: the network predicts the noise, the data, and how to combine them.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Denoised, Parameterization};
use crate::process::Level;

/// Three numbers for each number of `x_t`: the noise `eps_theta`, the data `x_theta`, and the weight `r = sigmoid(F_r)` of the
/// predicted data. At low noise, the predicted noise determines the data well; at high noise, its error is divided by hardly any signal.
///
/// ```text
/// x_0 = r x_theta + ( 1 - r ) ( x_t - s eps_theta ) / a
/// ```
/// Benny & Wolf 2022, section 4: their interpolated mean of the reverse step is a mixture of this `x_0` and `x_t`. In training, each prediction has
/// its own error, and `r` learns from the error of `a x_0`, which gives the two predictions no gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Both;

impl Both {
    /// `a x_0`, which is finite even without signal.
    fn scaled_data(x_theta: &Tensor, eps_theta: &Tensor, r: &Tensor, x_t: &Tensor, level: &Level) -> Tensor {
        r * (&level.signal * x_theta) + (1.0 - r) * (x_t - &level.noise * eps_theta)
    }
}

impl Parameterization for Both {
    fn target(&self, x0: &Tensor, eps: &Tensor, level: &Level) -> Tensor {
        Tensor::cat(&[eps, x0, &(&level.signal * x0)], 1)
    }

    fn read(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Denoised {
        let [eps_theta, x_theta, r] = three(output);
        Denoised::from_x0(Self::scaled_data(&x_theta, &eps_theta, &r.sigmoid(), x_t, level) / &level.signal, x_t, level)
    }

    fn compared(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Tensor {
        let [eps_theta, x_theta, r] = three(output);
        let scaled = Self::scaled_data(&x_theta.detach(), &eps_theta.detach(), &r.sigmoid(), x_t, level);
        Tensor::cat(&[eps_theta, x_theta, scaled], 1)
    }

    fn outputs(&self) -> i64 {
        3
    }
}

fn three(output: &Tensor) -> [Tensor; 3] {
    let width = output.size()[1] / 3;
    [0, 1, 2].map(|i| output.narrow(1, i * width, width))
}
