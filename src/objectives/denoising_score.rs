//! `DenoisingScore`: the score, learned from the noise that was added.

use serde::{Deserialize, Serialize};

use super::timesteps::TimestepSamplingConfig;
use super::weightings::SimpleWeight;
use super::{Batch, Loss, Objective, Weighted};
use crate::error::Result;
use crate::model::Model;
use crate::process::{Process, require_gaussian};

/// Denoising score matching: the score of the noisy density is the mean of `- eps / s` over all data that `x_t` may come from, so that a
/// network that regresses on it learns the score.
///
/// ```text
/// lambda(t) || score + eps / s(t) ||^2,   lambda(t) = s(t)^2
/// ```
/// Vincent 2011, section 4; Song & Ermon 2019, equations 5 and 6, without their factor of a half. With this `lambda`, all noise levels count
/// about equally, and since `score = - eps_theta / s` the loss is the error of the noise, `|| eps - eps_theta ||^2`: [`Weighted`] with the
/// weight 1 and, for a network that predicts the noise, [`Simple`](super::Simple). DDPM and NCSN minimize the same.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DenoisingScore {
    /// How often each timestep is drawn.
    pub timesteps: TimestepSamplingConfig,
}

impl Objective for DenoisingScore {
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss> {
        require_gaussian(process, "the objective denoising-score, which learns the score,")?;
        let error_of_eps = Weighted { weighting: SimpleWeight.into(), timesteps: self.timesteps.clone() };
        error_of_eps.loss(model, process, batch)
    }
}
