//! `Learner`: what an epoch of training needs to know of what is trained; and the learner that a model is.

use tch::{Kind, Tensor, nn};

use super::state::{Descent, TrainingState};
use super::validation::validation_loss;
use crate::config::{BaseConfig, TrainingConfig};
use crate::error::{Error, Result};
use crate::loader::DataLoader;
use crate::model::Model;
use crate::networks::{Network, check_fits};
use crate::objectives::{Batch, Loss, Objective};
use crate::process::Process;

/// Something that learns from batches, with one optimizer or several. [`train_one_epoch_of`](super::train_one_epoch_of) trains it, stops
/// it and reports on it, and a checkpoint holds the state of all its groups.
pub trait Learner {
    /// Its parameters, by group: each has an optimizer and a moving average of its own. The only group has an empty name.
    fn groups(&self) -> Vec<(&'static str, &nn::VarStore)>;

    /// The last time that a loss may be of: reports divide the losses by quarters of it.
    fn end(&self) -> f64;

    /// Refuses data that it cannot learn from, before the first step of an epoch.
    ///
    /// # Errors
    /// What is wrong with the data, and what to do about it.
    fn check(&self, dataloader: &DataLoader) -> Result<()>;

    /// Learns from a batch: computes losses and [descends](TrainingState::descend) on them, with each group as it likes. A descent that
    /// is not finite ends the training; an error after one of several descents leaves what the others have done.
    ///
    /// # Errors
    /// Those of the losses.
    fn step(&self, batch: &Batch, state: &mut TrainingState) -> Result<LearnerStep>;

    /// Computes what a step on this batch would, and changes nothing: whether memory suffices is found out with that.
    ///
    /// # Errors
    /// As [`Learner::step`].
    fn try_step(&self, batch: &Batch) -> Result<()>;

    /// The loss on data that was held out, without gradients.
    ///
    /// # Errors
    /// As [`Learner::step`].
    fn validate(&self, held_out: &Batch) -> Result<f64>;
}

impl TrainingState {
    /// The state of a learner before the first step.
    ///
    /// # Errors
    /// As [`TrainingState::new`].
    pub fn of_learner(learner: &dyn Learner, base: &BaseConfig, training: &TrainingConfig) -> Result<Self> {
        Self::of_groups(&learner.groups(), base.seed, training)
    }
}

/// What a step of a learner came to.
#[derive(Debug)]
pub struct LearnerStep {
    /// The losses that are reported.
    pub loss: Loss,
    /// The descent that is reported.
    pub descent: Descent,
}

/// A model that learns by an objective.
pub struct ModelLearner<'a> {
    model: &'a Model,
    process: &'a dyn Process,
    objective: Box<dyn Objective>,
}

impl<'a> ModelLearner<'a> {
    /// A learner of `model`, whose data becomes noise by `process`.
    pub fn new(model: &'a Model, process: &'a dyn Process, objective: Box<dyn Objective>) -> Self {
        Self { model, process, objective }
    }
}

impl Learner for ModelLearner<'_> {
    fn groups(&self) -> Vec<(&'static str, &nn::VarStore)> {
        vec![("", self.model.var_store())]
    }

    fn end(&self) -> f64 {
        self.process.end()
    }

    fn check(&self, dataloader: &DataLoader) -> Result<()> {
        check_fits(self.model, "data for this network", dataloader.stored())?;
        let (takes, there) = (self.model.classes(), dataloader.classes().len());
        if takes > 0 && !(1..=takes as usize).contains(&there) {
            return Err(Error::Unsupported(format!(
                "the model takes labels of {takes} classes, and the data set has {there}: change `classes` of the network"
            )));
        }
        Ok(())
    }

    fn step(&self, batch: &Batch, state: &mut TrainingState) -> Result<LearnerStep> {
        let loss = self.objective.loss(self.model, self.process, batch)?;
        let descent = state.descend("", &loss.by_sample.mean(Kind::Float))?;
        Ok(LearnerStep { loss, descent })
    }

    fn try_step(&self, batch: &Batch) -> Result<()> {
        let loss = self.objective.loss(self.model, self.process, batch)?.by_sample.mean(Kind::Float);
        let parameters = self.model.var_store().trainable_variables();
        let gradient = Tensor::f_run_backward(&[loss], &parameters, false, false)?;
        let _flat = Tensor::f_cat(&gradient.iter().map(|part| part.flatten(0, -1)).collect::<Vec<_>>(), 0)?;
        Ok(())
    }

    fn validate(&self, held_out: &Batch) -> Result<f64> {
        validation_loss(self.model, self.process, held_out)
    }
}
