//! `LearnedVariance`: the network also predicts the variance of the reverse step.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Denoised, Parameterization, ParameterizationConfig};
use crate::error::{Result, require};
use crate::process::Level;

/// Two outputs for each number of `x_t`: one of another parameterization, for the mean of the reverse step, and `F_v` for its variance, in
/// the logarithm between the smallest one, which suits a single point, and the largest, which suits noise.
///
/// ```text
/// sigma_t^2 = exp( v ln beta_t + ( 1 - v ) ln beta~_t ),   v = ( F_v + 1 ) / 2
/// ```
/// Nichol & Dhariwal 2021, equation 15; `v` from `F_v` as in their code, so that a network starts halfway. It is not bounded: data of more
/// than unit variance needs `v > 1`. `F_v` has no target; [`Vlb`](crate::objectives::Vlb) and [`Hybrid`](crate::objectives::Hybrid) train it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnedVariance {
    /// What the other output means.
    pub mean: Box<ParameterizationConfig>,
}

impl LearnedVariance {
    /// The outputs for the mean and for the variance.
    fn split(output: &Tensor, x_t: &Tensor) -> (Tensor, Tensor) {
        let (all, of_variance) = (output.size()[1], x_t.size()[1]);
        (output.narrow(1, 0, all - of_variance), output.narrow(1, all - of_variance, of_variance))
    }
}

impl Parameterization for LearnedVariance {
    fn target(&self, x0: &Tensor, eps: &Tensor, level: &Level) -> Tensor {
        self.mean.build().target(x0, eps, level)
    }

    fn read(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Denoised {
        let (of_mean, of_variance) = Self::split(output, x_t);
        let share = (of_variance + 1.0) / 2.0;
        Denoised { variance_share: Some(share), ..self.mean.build().read(&of_mean, x_t, level) }
    }

    fn input(&self, x_t: &Tensor, level: &Level) -> Tensor {
        self.mean.build().input(x_t, level)
    }

    fn time(&self, level: &Level) -> Tensor {
        self.mean.build().time(level)
    }

    fn outputs(&self) -> i64 {
        self.mean.build().outputs() + 1
    }

    fn validate(&self) -> Result<()> {
        let nested = matches!(*self.mean, ParameterizationConfig::LearnedVariance(_));
        require(!nested, "LearnedVariance.mean", "a parameterization without a variance", self.mean.name())?;
        self.mean.build().validate()
    }

    fn compared(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Tensor {
        let (of_mean, _) = Self::split(output, x_t);
        self.mean.build().compared(&of_mean, x_t, level)
    }
}
