//! Algorithm 1: a network learns to predict the noise.

use std::cell::Cell;
use std::time::Instant;

use tch::{Device, Kind, Reduction, Tensor};

use crate::constants::ConstantsManager;
use crate::datasets::DataLoader;
use crate::error::{Error, Result};
use crate::forward::forward_diffusion;
pub use crate::loss_by_timestep::EpochLoss;
use crate::loss_by_timestep::LossByTimestep;
use crate::networks::{Denoiser, check_fits, check_prediction, threads_for};
use crate::out_of_memory::within_memory;
use crate::training_state::{Descent, TrainingState};
use crate::validation::validation_loss;

/// What one step of training shows of itself.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// The epoch, from 1.
    pub epoch: usize,
    /// How many epochs the training is to have.
    pub epochs: usize,
    /// The step within the epoch, from 1.
    pub step: u64,
    /// Steps an epoch.
    pub steps: u64,
    /// The loss of this batch.
    pub loss: f64,
    /// The norm of the gradient, before clipping.
    pub grad_norm: f64,
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// Steps a second, over this epoch so far.
    pub steps_per_second: f64,
    /// Seconds until the last epoch ends, at this speed.
    pub seconds_left: f64,
    stop: Cell<bool>,
    pub(crate) saved: Cell<bool>,
}

impl StepReport {
    /// Ends the training after this step. What it has learned stays, also in the middle of an epoch, and
    /// [`train`](crate::training_run::train) saves it: the next call goes on from there.
    pub fn stop(&self) {
        self.stop.set(true);
    }

    /// Whether a training that is stopped here is saved: by [`train`](crate::training_run::train) it is. After
    /// [`train_one_epoch`] alone, the network and the state hold what was learned.
    pub fn is_saved_when_stopped(&self) -> bool {
        self.saved.get()
    }
}

/// Trains the network on every sample once, and returns the mean loss.
///
/// ```text
/// repeat
///     x_0 ~ q(x_0)
///     t   ~ Uniform({1, …, T}), unless the constants have another p(t)
///     eps ~ N(0, I)
///     take a gradient descent step on
///         grad_theta || eps - eps_theta( sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps, t ) ||^2
/// until converged
/// ```
/// Ho et al. 2020, Algorithm 1. `observer` is called after each step, and may [`stop`](StepReport::stop) the training: the
/// next call then does the rest of the epoch. A loop over epochs that the reader may interrupt therefore asks for that, too:
/// `while state.epoch() < epochs && !interrupted() { … }`. Samples that are held out ([`DataLoader::held_out`]) give the validation loss.
///
/// # Errors
/// [`Error::Shape`] where the data does not fit the network; [`Error::OutOfMemory`] with a batch size that fits;
/// [`Error::Diverged`] at the first loss or gradient that is not
/// finite, with the weights as they were before that step.
pub fn train_one_epoch(
    model: &dyn Denoiser,
    dataloader: &DataLoader,
    constants: &ConstantsManager,
    state: &mut TrainingState,
    observer: &mut dyn FnMut(&StepReport),
) -> Result<EpochLoss> {
    check_fits(model, "data for this network", dataloader.stored())?;
    let _threads = threads_for(model);
    let started = Instant::now();
    let done = state.losses.steps;
    for (x0, step) in dataloader.epoch(state.epoch() + 1).zip(1..).skip(done as usize) {
        state.seed_step();
        let t = constants.sample_timesteps(x0.size()[0]);
        let (eps, eps_theta, descent) = within_memory(model, constants, x0.size()[0], || {
            let (x_t, eps) = forward_diffusion(constants, &x0, &t)?;
            let eps_theta = check_prediction(model.predict_noise_in_training(&x_t, &t.to_device(x_t.device())), &x_t)?;
            let loss = eps_theta.mse_loss(&eps, Reduction::Mean);
            let descent = state.descend(&loss, dataloader.batches())?;
            Ok((eps, eps_theta, descent))
        })?;

        let by_sample = state.losses.add(&t, &eps, &eps_theta);
        if !descent.is_finite() {
            return Err(diverged(state, &descent, &t, &by_sample));
        }
        let report = report(state, dataloader, started, step - done, step, &descent);
        observer(&report);
        if report.stop.get() && step < dataloader.batches() {
            state.stopped = true;
            return Ok(state.losses.epoch_loss(constants.timesteps(), None));
        }
        state.stopped = report.stop.get();
    }
    let validation = match dataloader.held_out() {
        Some(x0) => Some(state.with_averaged_weights(|| validation_loss(model, constants, &x0))?),
        None => None,
    };
    let loss = state.losses.epoch_loss(constants.timesteps(), validation);
    state.end_epoch(loss);
    Ok(loss)
}

/// The error that names the timesteps, of the last batch, at which the loss is not finite.
fn diverged(state: &mut TrainingState, descent: &Descent, t: &Tensor, by_sample: &Tensor) -> Error {
    state.losses = LossByTimestep::default();
    let broken = by_sample.isfinite().logical_not().to_device(Device::Cpu);
    let (count, samples) = (broken.sum(Kind::Int64).int64_value(&[]), by_sample.size()[0]);
    let t: Vec<i64> = Vec::try_from(t.masked_select(&broken)).unwrap_or_default();
    let first: Vec<String> = t.iter().take(8).map(i64::to_string).collect();
    let timesteps = match count {
        0 => "the loss of every sample is finite".to_owned(),
        _ => format!("{count} of {samples} samples without a finite loss, at t = {}", first.join(", ")),
    };
    Error::Diverged {
        step: state.optimizer.steps() + 1,
        epoch: state.epoch() + 1,
        loss: descent.loss,
        grad_norm: descent.grad_norm,
        grad_norm_before: state.last_grad_norm,
        timesteps,
        learning_rate: descent.learning_rate,
    }
}

fn report(
    state: &TrainingState,
    dataloader: &DataLoader,
    started: Instant,
    steps_since: u64,
    step: u64,
    descent: &Descent,
) -> StepReport {
    let (epoch, epochs, steps) = (state.epoch() + 1, state.config().epochs, dataloader.batches());
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
