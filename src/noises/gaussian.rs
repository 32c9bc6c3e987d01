//! `Gaussian`: the noise of Ho et al. 2020.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::Noise;
use crate::error::Result;
use crate::process::Process;

/// Standard Gaussian noise, `eps ~ N(0, I)`. Ho et al. 2020, equation 4.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gaussian;

impl Noise for Gaussian {
    fn draw(&self, _process: &dyn Process, _t: &Tensor, like: &Tensor) -> Result<Tensor> {
        Ok(like.f_randn_like()?)
    }
}
