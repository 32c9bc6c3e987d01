//! `PairLearner`: flow matching on pairs of data and noise.

use tch::{Kind, Tensor, nn, no_grad_guard};

use crate::error::{Error, Result};
use crate::loader::DataLoader;
use crate::model::Model;
use crate::networks::Network;
use crate::objectives::{Batch, FlowMatching, Loss, Objective};
use crate::out_of_memory::in_parts;
use crate::process::Process;
use crate::random::{self, Stream};
use crate::training::{Learner, LearnerStep, TrainingState};

/// The most pairs that pass through the network at a time for the validation loss.
const VALIDATED: i64 = 64;

/// A learner of flow matching whose data are pairs: each row is a sample and its noise, as returned by [`reflow_pairs`](super::reflow_pairs).
///
/// ```text
/// (x_0, eps) ~ pairs,   || v_theta(x_t, t) - ( a'(t) x_0 + s'(t) eps ) ||^2
/// ```
/// Liu et al. 2023, equation 1. The noise may be anything: for pairs of two data sets it is a sample of the other one.
///
/// # Shapes
/// Data: `[N, 2 D]` points or `[N, 2 C, H, W]` images, a sample and its noise, concatenated along dimension 1, `x_0` first. For a model with
/// classes, the pairs have labels: see [`DataLoader::labelled`].
pub struct PairLearner<'a> {
    model: &'a Model,
    process: &'a dyn Process,
    objective: FlowMatching,
}

impl<'a> PairLearner<'a> {
    /// A learner that trains `model` on `process`. The coupling of the objective is not used: the pairs are given.
    pub fn new(model: &'a Model, process: &'a dyn Process, objective: FlowMatching) -> Self {
        Self { model, process, objective }
    }

    fn loss(&self, pairs: &Batch) -> Result<Loss> {
        let [x0, eps] = halves(&pairs.x0);
        let batch = Batch { x0, label: pairs.label.as_ref().map(Tensor::shallow_clone) };
        self.objective.loss_of_pairs(self.model, self.process, &batch, &eps)
    }
}

/// The two halves of each row.
fn halves(pairs: &Tensor) -> [Tensor; 2] {
    let width = pairs.size()[1] / 2;
    [0, 1].map(|half| pairs.narrow(1, half * width, width))
}

impl Learner for PairLearner<'_> {
    fn groups(&self) -> Vec<(&'static str, &nn::VarStore)> {
        vec![("", self.model.var_store())]
    }

    fn end(&self) -> f64 {
        self.process.end()
    }

    fn check(&self, dataloader: &DataLoader) -> Result<()> {
        let mut expected = self.model.sample_shape();
        expected[0] *= 2;
        let got = dataloader.sample_shape();
        if got != expected {
            let expected = format!("{expected:?}, a sample and its noise, concatenated along dimension 1");
            return Err(Error::Shape { what: "a pair for this network", expected, got });
        }
        let (takes, there) = (self.model.classes(), dataloader.classes().len());
        // Without labels, the network would learn the null token alone, and its classes would mean nothing.
        if takes > 0 && !(1..=takes as usize).contains(&there) {
            return Err(Error::Unsupported(format!(
                "the model takes labels of {takes} classes, but the pairs have {there}: give the label of each pair (DataLoader::labelled), or \
                 change `classes` of the network"
            )));
        }
        self.objective.validate()
    }

    fn step(&self, batch: &Batch, state: &mut TrainingState) -> Result<LearnerStep> {
        let loss = self.loss(batch)?;
        let descent = state.descend("", &loss.by_sample.mean(Kind::Float))?;
        Ok(LearnerStep { loss, descent })
    }

    fn try_step(&self, batch: &Batch) -> Result<()> {
        let loss = self.loss(batch)?.by_sample.mean(Kind::Float);
        let _gradient = Tensor::f_run_backward(&[loss], &self.model.var_store().trainable_variables(), false, false)?;
        Ok(())
    }

    /// The same error, always at the same times, without dropout and with all labels: 0 if the paths of the pairs are straight and the network
    /// knows them.
    fn validate(&self, held_out: &Batch) -> Result<f64> {
        let _no_grad = no_grad_guard();
        let n = held_out.x0.size()[0];
        let draw = || self.objective.timesteps.build().draw(self.process, n);
        let t = random::with_seed(random::derive(0, Stream::Validation, 0), draw)?;
        let (errors, _) = in_parts(n, VALIDATED, |start, length| {
            let part = held_out.narrow(start, length);
            let [x0, eps] = halves(&part.x0);
            let batch = Batch { x0, label: part.label };
            FlowMatching::error_of_pairs(self.model, self.process, &batch, &eps, t.narrow(0, start, length))
        })?;
        Ok(errors.mean(Kind::Double).double_value(&[]))
    }
}
