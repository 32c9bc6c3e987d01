//! `Vlb`: the variational bound itself.

use serde::{Deserialize, Serialize};

use super::importance::Importance;
use super::random_term::{bound_of_each, steps_of};
use super::{Batch, Loss, Objective};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::process::Process;
use crate::samplers::ReverseVariance;

/// `L_vlb`, the variational bound on the negative log likelihood, in bits per dimension: each sample contributes the term of one random step,
/// divided by the probability of that step.
///
/// ```text
/// L_vlb = E_t[ L_{t-1} / p(t) ],   t ~ p(t) = 1 / T
/// ```
/// Ho et al. 2020, equation 5; Nichol & Dhariwal 2021, section 3.3. `L_T`, which has no parameters, is left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vlb {
    /// Whether a training draws steps with large terms more often: [`Importance`], which `TrainingState` uses in place of this. A loss on its own has
    /// no earlier losses, and draws uniformly.
    pub importance: bool,
    /// The variance of the reverse steps, unless the network predicts it.
    pub variance: ReverseVariance,
}

impl Objective for Vlb {
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss> {
        let steps = steps_of(process, "vlb")?;
        bound_of_each(model, process, batch, self.variance, &vec![1.0 / steps as f64; steps])
    }

    fn with_memory(&self) -> Option<Box<dyn Objective>> {
        self.importance.then(|| Box::new(Importance::of(self.variance)) as Box<dyn Objective>)
    }

    fn validate(&self) -> Result<()> {
        match self.variance {
            ReverseVariance::Analytic | ReverseVariance::Learned => Err(Error::config(
                "Vlb.variance",
                "beta, posterior or interpolated; a network with the parameterization learned-variance predicts its own",
                format!("{:?}", self.variance).to_lowercase(),
            )),
            _ => Ok(()),
        }
    }
}
