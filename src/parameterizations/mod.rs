//! What the output of a network means. Training asks for the target, sampling reads the output back: both ask here, so they cannot
//! disagree.

use std::fmt::Debug;

use tch::Tensor;

use crate::catalogue::catalogue;
use crate::process::Level;

catalogue! {
    /// Which parameterization a model has.
    ParameterizationConfig of "TrainingConfig.parameterization", each a Parameterization;
    eps::Eps, "eps": "the noise", "Ho et al. 2020, equation 12";
}

impl Default for ParameterizationConfig {
    fn default() -> Self {
        Eps.into()
    }
}

/// What `x_t = a x_0 + s eps` looks like to one that knows what data is: the data and the noise in it, which add up to it.
#[derive(Debug)]
pub struct Denoised {
    /// The data that is in `x_t`, as far as it can be known: the mean of `q(x_0 | x_t)` where this is perfect. Ho et al. 2020,
    /// equation 15, has it as predicted `x_0`.
    pub x0: Tensor,
    /// The noise in it.
    pub eps: Tensor,
    /// The variance of the reverse step, where a network predicts that too. Nichol & Dhariwal 2021, section 3.1.
    pub variance: Option<Tensor>,
}

impl Denoised {
    /// The data in `x_t`, and the noise that follows from it: `eps = (x_t - a x_0) / s`.
    pub fn from_x0(x0: Tensor, x_t: &Tensor, level: &Level) -> Self {
        let eps = (x_t - &level.signal * &x0) / &level.noise;
        Self { x0, eps, variance: None }
    }

    /// The noise in `x_t`, and the data that follows from it: `x_0 = (x_t - s eps) / a`.
    pub fn from_eps(eps: Tensor, x_t: &Tensor, level: &Level) -> Self {
        let x0 = (x_t - &level.noise * &eps) / &level.signal;
        Self { x0, eps, variance: None }
    }
}

/// What the output `F_theta` of a network stands for. [`target`](Self::target) and [`read`](Self::read) are inverse: reading the target
/// gives `x_0` and `eps` back.
pub trait Parameterization: Debug {
    /// What the network is to say of `x_t = a x_0 + s eps`.
    ///
    /// # Shapes
    /// `x0`, `eps`: `[N, …]`.
    fn target(&self, x0: &Tensor, eps: &Tensor, level: &Level) -> Tensor;

    /// What it has said of it.
    ///
    /// # Shapes
    /// `output`, `x_t`: `[N, …]`.
    fn read(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Denoised;

    /// What the network is shown of `x_t`, for one that has to be shown numbers of about the same size at all times.
    ///
    /// # Shapes
    /// `x_t` and the result: `[N, …]`.
    fn input(&self, x_t: &Tensor, _level: &Level) -> Tensor {
        x_t.shallow_clone()
    }

    /// The time as the network is given it.
    ///
    /// # Shapes
    /// `t` and the result: `[N]`.
    fn time(&self, t: &Tensor, _level: &Level) -> Tensor {
        t.shallow_clone()
    }
}
