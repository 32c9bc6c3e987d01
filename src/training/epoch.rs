//! An epoch of training: batches, stopping, resuming, memory and reports around the steps of a learner.

use std::time::Instant;

use tch::{Device, Kind, Tensor};

use super::learner::{Learner, ModelLearner};
use super::loss_by_timestep::{EpochLoss, LossByTimestep};
use super::memory::step_within_memory;
use super::report::{StepReport, report};
use super::state::{Descent, TrainingState};
use crate::error::{Error, Result};
use crate::loader::DataLoader;
use crate::model::Model;
use crate::networks::threads_for;
use crate::objectives::Loss;
use crate::process::Process;

/// Trains the network once on every sample, with the [objective](crate::objectives) of its configuration, and returns
/// the mean loss.
///
/// `observer` is called after each step, and can [`stop`](StepReport::stop) the training; the next call then trains on
/// the rest of the epoch. A loop over epochs that the reader may interrupt should therefore check for that too:
/// `while state.epoch() < epochs && !interrupted() { … }`. Held-out samples ([`DataLoader::held_out`]) give the
/// validation loss.
///
/// # Errors
/// [`Error::Shape`] if the data does not fit the network; [`Error::OutOfMemory`] with a batch size that fits;
/// [`Error::Diverged`] at the first loss or gradient that is not finite, with the weights from before that step;
/// [`Error::Unsupported`] for a model that takes labels, on data without classes or with more classes.
pub fn train_one_epoch(
    model: &Model,
    dataloader: &DataLoader,
    process: &dyn Process,
    state: &mut TrainingState,
    observer: &mut dyn FnMut(&StepReport),
) -> Result<EpochLoss> {
    let _threads = threads_for(model);
    let learner = ModelLearner::new(model, process, state.objective());
    train_one_epoch_of(&learner, dataloader, state, observer)
}

/// As [`train_one_epoch`], for any learner.
///
/// # Errors
/// As [`train_one_epoch`]; errors of the learner.
pub fn train_one_epoch_of(
    learner: &dyn Learner,
    dataloader: &DataLoader,
    state: &mut TrainingState,
    observer: &mut dyn FnMut(&StepReport),
) -> Result<EpochLoss> {
    learner.check(dataloader)?;
    let (started, done, steps) = (Instant::now(), state.steps_into_epoch(), dataloader.batches());
    for (batch, step) in dataloader.epoch(state.epoch() + 1).zip(1..).skip(done as usize) {
        state.begin_step(steps);
        let taken = step_within_memory(learner, &batch, || learner.step(&batch, state))?;
        check_losses(&taken.loss, batch.x0.size()[0])?;
        if let Some(descent) = state.diverged.take() {
            return Err(diverged(state, &taken.loss, &descent));
        }
        state.losses.add(&taken.loss);
        state.end_step(&taken.descent);
        let report = report(state, steps, started, step - done, step, &taken.descent);
        observer(&report);
        if report.stop.get() && step < steps {
            state.stopped = true;
            return Ok(state.losses.epoch_loss(learner.end(), None));
        }
        state.stopped = report.stop.get();
    }
    let validation = match dataloader.held_out_batch() {
        Some(held_out) => Some(state.with_averaged_weights(|| learner.validate(&held_out))?),
        None => None,
    };
    let loss = state.losses.epoch_loss(learner.end(), validation);
    state.end_epoch(loss);
    Ok(loss)
}

/// Rejects losses that are not one per sample.
fn check_losses(loss: &Loss, samples: i64) -> Result<()> {
    for (what, of) in [("losses of a batch", Some(&loss.by_sample)), ("times of its losses", loss.t.as_ref())] {
        if let Some(got) = of.map(Tensor::size).filter(|got| *got != [samples]) {
            return Err(Error::Shape { what, expected: format!("[{samples}], one per sample"), got });
        }
    }
    Ok(())
}

/// The error with the timesteps of the last batch at which the loss is not finite.
fn diverged(state: &mut TrainingState, loss: &Loss, descent: &Descent) -> Error {
    state.losses = LossByTimestep::default();
    let broken = loss.by_sample.isfinite().logical_not().to_device(Device::Cpu);
    let (count, samples) = (broken.sum(Kind::Int64).int64_value(&[]), loss.by_sample.size()[0]);
    let of_broken = |t: &Tensor| t.to_device(Device::Cpu).to_kind(Kind::Double).masked_select(&broken);
    let t: Vec<f64> = loss.t.as_ref().and_then(|t| Vec::try_from(of_broken(t)).ok()).unwrap_or_default();
    let first: Vec<String> = t.iter().take(8).map(f64::to_string).collect();
    let at = if first.is_empty() { String::new() } else { format!(", at t = {}", first.join(", ")) };
    let timesteps = match count {
        0 => "the loss of every sample is finite".to_owned(),
        _ => format!("{count} of {samples} samples without a finite loss{at}"),
    };
    Error::Diverged {
        step: state.steps() + 1,
        epoch: state.epoch() + 1,
        loss: descent.loss,
        grad_norm: descent.grad_norm,
        grad_norm_before: state.last_grad_norm,
        timesteps,
        learning_rate: descent.learning_rate,
    }
}
