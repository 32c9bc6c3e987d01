//! `PriorLearner`: training with a data-dependent prior.

use tch::nn;

use super::learner::{Learner, LearnerStep};
use super::prior::Prior;
use super::state::TrainingState;
use crate::error::Result;
use crate::loader::DataLoader;
use crate::objectives::Batch;

/// Another learner that learns from [standardized](Prior::standardized) data: its diffusion goes to the prior `N(mu, Sigma)`. Lee et al. 2022
/// (PriorGrad), algorithm 1.
pub struct PriorLearner<'a> {
    learner: &'a dyn Learner,
    prior: &'a Prior,
}

impl<'a> PriorLearner<'a> {
    /// This learner with this prior.
    pub fn new(learner: &'a dyn Learner, prior: &'a Prior) -> Self {
        Self { learner, prior }
    }
}

impl Learner for PriorLearner<'_> {
    fn groups(&self) -> Vec<(&'static str, &nn::VarStore)> {
        self.learner.groups()
    }

    fn end(&self) -> f64 {
        self.learner.end()
    }

    fn check(&self, dataloader: &DataLoader) -> Result<()> {
        self.learner.check(dataloader)
    }

    fn step(&self, batch: &Batch, state: &mut TrainingState) -> Result<LearnerStep> {
        self.learner.step(&self.prior.standardized(batch)?, state)
    }

    fn try_step(&self, batch: &Batch) -> Result<()> {
        self.learner.try_step(&self.prior.standardized(batch)?)
    }

    fn validate(&self, held_out: &Batch) -> Result<f64> {
        self.learner.validate(&self.prior.standardized(held_out)?)
    }
}
