//! Algorithm 1: a network learns to predict the noise.

use std::fmt;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Reduction, Tensor, no_grad_guard};

use crate::constants::ConstantsManager;
use crate::datasets::DataLoader;
use crate::error::{Error, Result};
use crate::forward::forward_diffusion;
use crate::networks::{Denoiser, check_fits, check_prediction};
use crate::threads::FewThreads;
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
}

/// The loss of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochLoss {
    /// Mean over all samples: 0 is perfect, 1 is what predicting no noise at all gives.
    pub mean: f64,
    /// Mean over each quarter of the timesteps, `t = 1 … T/4` first; NaN where no timestep fell into it.
    #[serde(with = "crate::training_state::nan_as_null")]
    pub quarters: [f64; 4],
    /// The validation loss of the averaged weights after the epoch, where samples are held out for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
}

impl fmt::Display for EpochLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.quarters;
        write!(f, "loss {:.4} (by quarter of the timesteps: {a:.4}, {b:.4}, {c:.4}, {d:.4})", self.mean)?;
        self.validation.map_or(Ok(()), |loss| write!(f, ", validation {loss:.4}"))
    }
}

/// Trains the network on every sample once, and returns the mean loss.
///
/// ```text
/// repeat
///     x_0 ~ q(x_0)
///     t   ~ Uniform({1, …, T})
///     eps ~ N(0, I)
///     take a gradient descent step on
///         grad_theta || eps - eps_theta( sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps, t ) ||^2
/// until converged
/// ```
/// Ho et al. 2020, Algorithm 1. `observer` is called after each step.
///
/// # Errors
/// [`Error::Shape`] where the data does not fit the network; [`Error::Diverged`] at the first loss or gradient that is not
/// finite, with the weights as they were before that step.
pub fn train_one_epoch(
    model: &dyn Denoiser,
    dataloader: &DataLoader,
    constants: &ConstantsManager,
    state: &mut TrainingState,
    observer: &mut dyn FnMut(&StepReport),
) -> Result<EpochLoss> {
    check_fits(model, "data for this network", &dataloader.first(1))?;
    let _threads = FewThreads::for_network(model);
    let mut losses = LossByTimestep::default();
    let started = Instant::now();
    for (x0, step) in dataloader.epoch(state.epoch() + 1).zip(1..) {
        state.seed_step();
        let t = constants.sample_timesteps(x0.size()[0]);
        let (x_t, eps) = forward_diffusion(constants, &x0, &t)?;
        let eps_theta = check_prediction(model.predict_noise_in_training(&x_t, &t), &x_t)?;
        let loss = eps_theta.mse_loss(&eps, Reduction::Mean);
        let descent = state.descend(&loss, dataloader.batches())?;

        let by_sample = losses.add(t, &eps, &eps_theta);
        if !descent.is_finite() {
            return Err(losses.diverged(state, &descent, &by_sample));
        }
        observer(&report(state, dataloader, started, step, &descent));
    }
    let validation = match dataloader.held_out() {
        Some(x0) => Some(state.with_averaged_weights(|| validation_loss(model, constants, &x0))?),
        None => None,
    };
    let loss = losses.epoch_loss(constants.timesteps(), validation);
    state.end_epoch(loss);
    Ok(loss)
}

/// The loss at each timestep: some steps are far harder than others, and the mean alone hides it.
#[derive(Default)]
struct LossByTimestep {
    t: Vec<Tensor>,
    loss: Vec<Tensor>,
}

impl LossByTimestep {
    /// Returns the loss of each sample, `[N]`.
    fn add(&mut self, t: Tensor, eps: &Tensor, eps_theta: &Tensor) -> Tensor {
        let _no_grad = no_grad_guard();
        let loss = (eps - eps_theta).square().flatten(1, -1).mean_dim(1, false, Kind::Float);
        self.loss.push(loss.shallow_clone());
        self.t.push(t);
        loss
    }

    /// The error that names the timesteps, of the batch added last, at which the loss is not finite.
    fn diverged(&self, state: &TrainingState, descent: &Descent, by_sample: &Tensor) -> Error {
        let broken = by_sample.isfinite().logical_not();
        let (count, samples) = (broken.sum(Kind::Int64).int64_value(&[]), by_sample.size()[0]);
        let t: Vec<i64> = self.t.last().and_then(|t| Vec::try_from(t.masked_select(&broken)).ok()).unwrap_or_default();
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
            timesteps,
            learning_rate: descent.learning_rate,
        }
    }

    fn epoch_loss(&self, timesteps: usize, validation: Option<f64>) -> EpochLoss {
        // On the CPU: not every device counts in f64.
        let (t, loss) =
            (Tensor::cat(&self.t, 0).to_device(Device::Cpu), Tensor::cat(&self.loss, 0).to_device(Device::Cpu));
        let loss = loss.to_kind(Kind::Double);
        let timesteps = timesteps as i64;
        let sums = t.bincount(Some(&loss), timesteps + 1);
        let counts = t.bincount(None::<&Tensor>, timesteps + 1);
        let mean = |from: i64, to: i64| {
            let total = |x: &Tensor| x.narrow(0, from, to - from).sum(Kind::Double).double_value(&[]);
            total(&sums) / total(&counts)
        };
        let bound = |quarter: i64| 1 + timesteps * quarter / 4;
        let quarters = [0, 1, 2, 3].map(|q| mean(bound(q), bound(q + 1)));
        EpochLoss { mean: mean(1, timesteps + 1), quarters, validation }
    }
}

fn report(
    state: &TrainingState,
    dataloader: &DataLoader,
    started: Instant,
    step: u64,
    descent: &Descent,
) -> StepReport {
    let (epoch, epochs, steps) = (state.epoch() + 1, state.config().epochs, dataloader.batches());
    let steps_per_second = step as f64 / started.elapsed().as_secs_f64();
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
    }
}
