//! `ImplicitScore`: the score, learned without a target.

use serde::{Deserialize, Serialize};

use super::differentiated::Differentiated;
use super::timesteps::TimestepSamplingConfig;
use super::{Batch, Loss, Objective};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::process::Process;

/// Implicit score matching: the squared distance from the unknown score of the noisy density, integrated by parts, up to a constant that does
/// not depend on the network.
///
/// ```text
/// lambda(t) ( tr grad score + || score ||^2 / 2 ),   lambda(t) = s(t)^2
/// = - tr grad ( s eps_theta ) + || eps_theta ||^2 / 2
/// ```
/// Hyvärinen 2005, theorem 1; here the mean over the numbers of a sample. The second line has `score = - eps_theta / s`. The exact trace takes one
/// backward pass for each number of a sample: beyond 64, use [`SlicedScore`](super::SlicedScore). On average, the gradient is half that of
/// [`DenoisingScore`](super::DenoisingScore). The loss of finitely many samples has no lower bound: a score that falls steeply through 0 at each of
/// them makes it arbitrarily small.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImplicitScore {
    /// How often each timestep is drawn.
    pub timesteps: TimestepSamplingConfig,
}

/// The most numbers of a sample.
const MOST: i64 = 64;

impl Objective for ImplicitScore {
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss> {
        let numbers: i64 = batch.x0.size()[1..].iter().product();
        if numbers > MOST {
            return Err(Error::Unsupported(format!(
                "the objective implicit-score takes one backward pass for each number of a sample, and these have {numbers}, more than {MOST}: use \
                 sliced-score"
            )));
        }
        let seen = Differentiated::draw(model, process, batch, &self.timesteps, "implicit-score")?;
        let by_sample = (seen.square() / 2.0 - seen.divergence()?) / numbers as f64;
        Ok(Loss { t: Some(seen.t), by_sample })
    }
}
