//! `Learner`: the interface of an epoch of training to what is trained; and its implementation for models.

use std::rc::Rc;

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

/// Something that learns from batches, with one or more optimizers. [`train_one_epoch_of`](super::train_one_epoch_of)
/// trains it, stops it and reports on it, and a checkpoint contains the state of all its parameter groups.
pub trait Learner {
    /// Its parameters by group, each with its own optimizer and moving average. If there is only one group, its name is
    /// empty.
    fn groups(&self) -> Vec<(&'static str, &nn::VarStore)>;

    /// The last possible time of a loss: reports divide the losses into quarters of this range.
    fn end(&self) -> f64;

    /// Rejects unsuitable data before the first step of an epoch.
    ///
    /// # Errors
    /// What is wrong with the data, and what to do about it.
    fn check(&self, dataloader: &DataLoader) -> Result<()>;

    /// Learns from a batch: computes losses and [descends](TrainingState::descend) on them, for any of its groups. A
    /// descent that is not finite ends the training; an error after one of several descents does not undo the others.
    ///
    /// # Errors
    /// Those of the losses.
    fn step(&self, batch: &Batch, state: &mut TrainingState) -> Result<LearnerStep>;

    /// Computes a step on this batch without changing anything, to find out whether memory suffices.
    ///
    /// # Errors
    /// As [`Learner::step`].
    fn try_step(&self, batch: &Batch) -> Result<()>;

    /// The loss on held-out data, without gradients.
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

/// The result of a step of a learner.
#[derive(Debug)]
pub struct LearnerStep {
    /// The losses to report.
    pub loss: Loss,
    /// The descent to report.
    pub descent: Descent,
}

/// A learner that trains a model with an objective.
pub struct ModelLearner<'a> {
    model: &'a Model,
    process: &'a dyn Process,
    objective: Rc<dyn Objective>,
}

impl<'a> ModelLearner<'a> {
    /// A learner that trains `model` on `process`.
    pub fn new(model: &'a Model, process: &'a dyn Process, objective: impl Into<Rc<dyn Objective>>) -> Self {
        Self { model, process, objective: objective.into() }
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
                "the model takes labels of {takes} classes, but the data set has {there}: change `classes` of the network"
            )));
        }
        Ok(())
    }

    fn step(&self, batch: &Batch, state: &mut TrainingState) -> Result<LearnerStep> {
        let loss = self.objective.loss(self.model, self.process, batch)?;
        let descent = state.descend("", &loss.by_sample.mean(Kind::Float))?;
        if descent.is_finite() {
            self.objective.observe(self.process, &loss)?;
        }
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
