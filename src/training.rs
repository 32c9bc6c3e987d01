//! Algorithm 1: a network learns to predict the noise.

use std::fmt;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tch::{Kind, Reduction, Tensor, no_grad_guard};

use crate::constants::ConstantsManager;
use crate::datasets::DataLoader;
use crate::error::{Error, Result};
use crate::forward::forward_diffusion;
use crate::networks::{Denoiser, check_fits};
use crate::threads::FewThreads;
use crate::training_state::TrainingState;

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
}

impl fmt::Display for EpochLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.quarters;
        write!(f, "loss {:.4} (by quarter of the timesteps: {a:.4}, {b:.4}, {c:.4}, {d:.4})", self.mean)
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
    check_fits(model, "data for this network", &dataloader.data().size())?;
    let _threads = FewThreads::for_network(model);
    let mut losses = LossByTimestep::new(constants);
    let started = Instant::now();
    for (x0, step) in dataloader.epoch(state.epoch() + 1).zip(1..) {
        let learning_rate = state.begin_step(dataloader.batches());
        let t = constants.sample_timesteps(x0.size()[0]);
        let (x_t, eps) = forward_diffusion(constants, &x0, &t)?;
        let eps_theta = model.predict_noise(&x_t, &t);
        check_prediction(&eps_theta, &eps)?;
        let loss = eps_theta.mse_loss(&eps, Reduction::Mean);
        let loss_value = loss.double_value(&[]);
        let grad_norm =
            if loss_value.is_finite() { state.optimizer.backward_step(&loss, learning_rate)? } else { f64::NAN };
        if !grad_norm.is_finite() {
            return Err(diverged(state, loss_value, grad_norm, &t, learning_rate));
        }
        state.ema.update(&state.optimizer);

        losses.add(&t, &eps, &eps_theta);
        observer(&report(state, dataloader, started, step, loss_value, grad_norm, learning_rate));
    }
    let loss = losses.epoch_loss();
    state.end_epoch(loss);
    Ok(loss)
}

/// Refuses a prediction of another shape, which the loss would broadcast.
fn check_prediction(eps_theta: &Tensor, eps: &Tensor) -> Result<()> {
    if eps_theta.size() == eps.size() {
        return Ok(());
    }
    let expected = format!("{:?}, that of x_t", eps.size());
    Err(Error::Shape { what: "the network's prediction", expected, got: eps_theta.size() })
}

/// Sums of the loss at each timestep: some steps are far harder than others, and the mean alone hides it.
struct LossByTimestep {
    sum: Tensor,
    count: Tensor,
}

impl LossByTimestep {
    fn new(constants: &ConstantsManager) -> Self {
        let zeros = || Tensor::zeros([constants.timesteps() as i64 + 1], (Kind::Float, constants.device()));
        Self { sum: zeros(), count: zeros() }
    }

    fn add(&mut self, t: &Tensor, eps: &Tensor, eps_theta: &Tensor) {
        let _no_grad = no_grad_guard();
        let loss = (eps - eps_theta).square().flatten(1, -1).mean_dim(1, false, Kind::Float);
        let _ = self.sum.index_add_(0, t, &loss);
        let _ = self.count.index_add_(0, t, &loss.ones_like());
    }

    fn epoch_loss(&self) -> EpochLoss {
        let timesteps = self.sum.size()[0] - 1;
        let mean = |from: i64, to: i64| {
            let total = |x: &Tensor| x.narrow(0, from, to - from).sum(Kind::Double).double_value(&[]);
            total(&self.sum) / total(&self.count)
        };
        let bound = |quarter: i64| 1 + timesteps * quarter / 4;
        EpochLoss { mean: mean(1, timesteps + 1), quarters: [0, 1, 2, 3].map(|q| mean(bound(q), bound(q + 1))) }
    }
}

fn diverged(state: &TrainingState, loss: f64, grad_norm: f64, t: &Tensor, learning_rate: f64) -> Error {
    Error::Diverged {
        step: state.optimizer.steps() + 1,
        epoch: state.epoch() + 1,
        loss,
        grad_norm,
        t_min: t.min().int64_value(&[]),
        t_max: t.max().int64_value(&[]),
        learning_rate,
    }
}

fn report(
    state: &TrainingState,
    dataloader: &DataLoader,
    started: Instant,
    step: u64,
    loss: f64,
    grad_norm: f64,
    learning_rate: f64,
) -> StepReport {
    let (epoch, epochs, steps) = (state.epoch() + 1, state.config().epochs, dataloader.batches());
    let steps_per_second = step as f64 / started.elapsed().as_secs_f64();
    let steps_left = steps - step + steps * epochs.saturating_sub(epoch) as u64;
    let seconds_left = steps_left as f64 / steps_per_second;
    StepReport { epoch, epochs, step, steps, loss, grad_norm, learning_rate, steps_per_second, seconds_left }
}
