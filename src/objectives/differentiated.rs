//! The noise that a model sees, with its derivatives with respect to `x_t`.

use tch::{Tensor, with_grad};

use super::Batch;
use super::noised::Noised;
use super::timesteps::TimestepSamplingConfig;
use crate::divergence::{Order, divergence, divergence_along};
use crate::error::Result;
use crate::model::Model;
use crate::process::{Process, require_gaussian};

/// `eps_theta(x_t, t)` as a function of `x_t`, for objectives in which derivatives of the score stand (Hyvärinen 2005, theorem 1). They have gradients
/// with respect to the weights.
pub(super) struct Differentiated {
    pub t: Tensor,
    /// `eps_theta`, `[B, …]`
    pub eps: Tensor,
    /// `s(t) eps_theta`, which is `- s^2 score`: `[B, …]`.
    scaled: Tensor,
    x_t: Tensor,
}

impl Differentiated {
    /// Draws times and noise from libtorch's generator, and asks the model. A network that is recorded as a CUDA graph runs as it is, since
    /// `x_t` requires gradients.
    pub fn draw(
        model: &Model,
        process: &dyn Process,
        batch: &Batch,
        timesteps: &TimestepSamplingConfig,
        objective: &str,
    ) -> Result<Self> {
        require_gaussian(process, &format!("the objective {objective}, which learns the score,"))?;
        let noised = Noised::draw(model, process, batch, timesteps)?;
        let noised = Noised { x_t: noised.x_t.detach().set_requires_grad(true), ..noised };
        let eps = with_grad(|| noised.denoise(model))?.eps;
        let scaled = with_grad(|| &noised.level.noise * &eps);
        Ok(Self { t: noised.t, eps, scaled, x_t: noised.x_t })
    }

    /// `|| eps_theta ||^2`, `[B]`.
    pub fn square(&self) -> Tensor {
        sum_of_each(&self.eps.square())
    }

    /// `v^T eps_theta`, `[B]`.
    pub fn along(&self, v: &Tensor) -> Tensor {
        sum_of_each(&(v * &self.eps))
    }

    /// `tr grad ( s eps_theta )`, `[B]`.
    pub fn divergence(&self) -> Result<Tensor> {
        divergence(&self.scaled, &self.x_t, Order::Second)
    }

    /// `v^T grad ( v^T s eps_theta )`, `[B]`.
    pub fn divergence_along(&self, v: &Tensor) -> Result<Tensor> {
        divergence_along(&self.scaled, &self.x_t, v, Order::Second)
    }
}

fn sum_of_each(x: &Tensor) -> Tensor {
    x.flatten(1, -1).sum_dim_intlist([1].as_slice(), false, x.kind())
}
