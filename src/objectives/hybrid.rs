//! `Hybrid`: `L_simple` for the mean, the variational bound for the variance.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::noised::Noised;
use super::random_term::steps_of;
use super::timesteps::TimestepSamplingConfig;
use super::{Batch, Loss, Objective, squared_error};
use crate::denoisers::Denoised;
use crate::error::{Result, require};
use crate::likelihood::nats_of_each;
use crate::model::Model;
use crate::process::Process;
use crate::samplers::ReverseVariance;

/// `L_simple` trains the mean of the reverse steps, and the bound their [variance](crate::parameterizations::LearnedVariance): in the bound, the
/// mean is held fixed.
///
/// ```text
/// L_hybrid = L_simple + lambda L_vlb
/// ```
/// Nichol & Dhariwal 2021, equation 16, with `L_vlb` in bits per dimension, as in their code. With other than uniform timesteps, both parts are
/// weighted by how often each is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hybrid {
    /// `lambda`, above 0.
    pub lambda: f64,
    /// How often each timestep is drawn.
    pub timesteps: TimestepSamplingConfig,
}

impl Default for Hybrid {
    fn default() -> Self {
        Self { lambda: 0.001, timesteps: TimestepSamplingConfig::default() }
    }
}

impl Objective for Hybrid {
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss> {
        let steps = steps_of(process, "hybrid")?;
        let noised = Noised::draw(model, process, batch, &self.timesteps)?;
        let output = model.output(&noised.x_t, &noised.level, &noised.given)?;
        let parameterization = model.parameterization();
        let target = parameterization.target(&batch.x0, &noised.eps, &noised.level);
        let simple = squared_error(&parameterization.compared(&output, &noised.x_t, &noised.level), &target);

        let seen = parameterization.read(&output, &noised.x_t, &noised.level);
        // The stop-gradient on the mean.
        let seen = Denoised { x0: seen.x0.detach(), ..seen };
        let times: Vec<f64> = Vec::try_from(&noised.t.to_kind(Kind::Double))?;
        let nats = nats_of_each(process, &batch.x0, &seen, ReverseVariance::Learned, &times)?;
        let vlb: Tensor = nats * (steps as f64 / std::f64::consts::LN_2);
        Ok(Loss { t: Some(noised.t), by_sample: simple + self.lambda * vlb })
    }

    fn validate(&self) -> Result<()> {
        require(self.lambda > 0.0 && self.lambda.is_finite(), "Hybrid.lambda", "above 0", self.lambda)
    }
}
