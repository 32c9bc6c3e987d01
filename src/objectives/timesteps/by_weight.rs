//! `ByWeight`: times in proportion to a weighting.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{TimestepSampling, draw_by_weight};
use crate::error::Result;
use crate::objectives::weightings::WeightingConfig;
use crate::process::Process;

/// `p(t)` proportional to a [weighting](WeightingConfig): the same expected gradient as weighting the error of the noise, without
/// work on samples with little weight.
///
/// Kingma & Gao 2023, section 2: the weighting alone decides what is learned, the distribution of times how noisily.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ByWeight {
    /// The weighting.
    pub weighting: WeightingConfig,
}

impl TimestepSampling for ByWeight {
    fn draw(&self, process: &dyn Process, n: i64) -> Result<Tensor> {
        let weighting = self.weighting.build();
        weighting.validate()?;
        Ok(draw_by_weight(process, n, |t| weighting.weight(process, t)))
    }
}
