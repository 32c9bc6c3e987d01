//! `GeneralizedNormal`: noise with tails of any weight.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Noise, signs, standard_gamma};
use crate::error::{Result, require};
use crate::process::Process;

/// Each number comes from the generalized normal distribution of variance 1.
///
/// ```text
/// p(eps) ∝ exp( -( |eps| / alpha )^beta ),   alpha^2 = Gamma(1 / beta) / Gamma(3 / beta)
/// ```
/// Deasy, Simidjievski & Liò 2021, "Heavy-tailed denoising score matching", section 3. `beta = 2` is Gaussian; below 2 the tails are heavier
/// (`beta = 1`: the Laplace distribution), above 2 lighter. As with a [`Mixture`](super::Mixture), a sum of such noises is not such noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeneralizedNormal {
    /// `beta`, the power in the exponent, from 0.2 to 100.
    pub beta: f64,
}

impl Default for GeneralizedNormal {
    fn default() -> Self {
        Self { beta: 1.0 }
    }
}

impl GeneralizedNormal {
    /// `alpha`, with which the variance is 1.
    pub fn scale(&self) -> f64 {
        let ln_gamma = |x: f64| Tensor::from(x).lgamma().double_value(&[]);
        ((ln_gamma(1.0 / self.beta) - ln_gamma(3.0 / self.beta)) / 2.0).exp()
    }
}

impl Noise for GeneralizedNormal {
    /// `( |eps| / alpha )^beta` has a Gamma distribution of shape `1 / beta`.
    fn draw(&self, _process: &dyn Process, _t: &Tensor, like: &Tensor) -> Result<Tensor> {
        let powers = standard_gamma(&Tensor::from(1.0 / self.beta), like)?;
        let sizes: Tensor = self.scale() * powers.pow_tensor_scalar(1.0 / self.beta);
        Ok(sizes.to_kind(like.kind()) * signs(like)?)
    }

    fn validate(&self) -> Result<()> {
        require((0.2..=100.0).contains(&self.beta), "GeneralizedNormal.beta", "0.2 to 100", self.beta)
    }
}
