//! `StepReport`: what an observer sees of one training step.

use std::cell::Cell;
use std::time::Instant;

use super::state::{Descent, TrainingState};

/// What an observer sees of one training step.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The number of epochs in the whole training.
    pub epochs: usize,
    /// The step within the epoch, counted from 1.
    pub step: u64,
    /// Steps per epoch.
    pub steps: u64,
    /// The loss of this batch.
    pub loss: f64,
    /// The norm of the gradient, before clipping.
    pub grad_norm: f64,
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// Steps per second, over this epoch so far.
    pub steps_per_second: f64,
    /// Seconds until the last epoch ends, at this speed.
    pub seconds_left: f64,
    pub(super) stop: Cell<bool>,
    pub(crate) saved: Cell<bool>,
}

impl StepReport {
    /// Stops the training after this step, even in the middle of an epoch. Nothing that was learned is lost:
    /// [`train`](crate::models::train) saves it, and its next call resumes from there.
    pub fn stop(&self) {
        self.stop.set(true);
    }

    /// Whether the training is saved if it is stopped here: [`train`](crate::models::train) saves it. After
    /// [`train_one_epoch`](super::train_one_epoch), the network and the state contain what was learned.
    pub fn is_saved_when_stopped(&self) -> bool {
        self.saved.get()
    }
}

pub(super) fn report(
    state: &TrainingState,
    steps: u64,
    started: Instant,
    steps_since: u64,
    step: u64,
    descent: &Descent,
) -> StepReport {
    let (epoch, epochs) = (state.epoch() + 1, state.config().epochs);
    let steps_per_second = steps_since as f64 / started.elapsed().as_secs_f64();
    let steps_left = steps - step + steps * epochs.saturating_sub(epoch) as u64;
    StepReport {
        epoch,
        epochs,
        step,
        steps,
        loss: descent.loss,
        grad_norm: descent.grad_norm.unwrap_or(f64::NAN),
        learning_rate: descent.learning_rate,
        steps_per_second,
        seconds_left: steps_left as f64 / steps_per_second,
        stop: Cell::new(false),
        saved: Cell::new(false),
    }
}
