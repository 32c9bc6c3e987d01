//! `GivenPairs`: the noise comes with the data.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::Coupling;
use crate::error::{Error, Result};

/// Pairs that come with the data. Those of [reflow](crate::flows::reflow_pairs) are a sample and the noise that a flow draws it from. Only a
/// [`PairLearner`](crate::flows::PairLearner), which knows the pairs, trains on them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GivenPairs {
    /// Where the pairs come from, in words: a model, its checkpoint, its sampler. A training that resumes with other pairs is rejected.
    pub origin: String,
}

impl Coupling for GivenPairs {
    fn pair(&self, _x0: &Tensor, _eps: &Tensor) -> Result<Tensor> {
        Err(Error::Unsupported(
            "the coupling \"given\" takes pairs of data and noise, which a data set does not have: train with a PairLearner, or choose the coupling \
             \"independent\" or \"optimal-transport\""
                .to_owned(),
        ))
    }
}
