//! `Independent`: any noise with any sample.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::Coupling;
use crate::error::Result;

/// The noise as it was drawn, whatever the data is. The paths of the pairs cross, and the mean velocity at a crossing bends the paths of the
/// flow. Liu et al. 2023, section 2.1; Lipman et al. 2023.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Independent;

impl Coupling for Independent {
    fn pair(&self, _x0: &Tensor, eps: &Tensor) -> Result<Tensor> {
        Ok(eps.shallow_clone())
    }
}
