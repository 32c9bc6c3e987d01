//! `TrainingState`: what a training carries from step to step beside the weights, and what a checkpoint therefore holds.

use tch::Tensor;

use crate::config::{BaseConfig, TrainingConfig};
use crate::ema::Ema;
use crate::error::Result;
use crate::loss_by_timestep::{EpochLoss, LossByTimestep};
use crate::networks::Denoiser;
use crate::optim::AdamW;
use crate::random::{self, Stream};

/// The optimizer, the moving average, how far the training is, and the loss of each epoch so far.
///
/// Timesteps and noise of a step follow from the seed and the step's number alone, so a training that goes on from a
/// saved state ends, on the same CPU, where one that was never stopped does, and on a GPU near it.
#[derive(Debug)]
pub struct TrainingState {
    /// The optimizer, with its moments.
    pub optimizer: AdamW,
    /// The moving average of the weights.
    pub ema: Ema,
    seed: u64,
    config: TrainingConfig,
    history: Vec<EpochLoss>,
    /// Of the epoch that is under way.
    pub(crate) losses: LossByTimestep,
    pub(crate) stopped: bool,
    /// The norm of the last step's gradient: what a training that diverges can tell of how it came to that.
    pub(crate) last_grad_norm: Option<f64>,
}

impl TrainingState {
    /// The state before the first step.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a configuration that cannot work;
    /// [`Error::Unsupported`](crate::Error::Unsupported) for a network without parameters.
    pub fn new(model: &dyn Denoiser, base: &BaseConfig, training: &TrainingConfig) -> Result<Self> {
        training.validate()?;
        let optimizer = AdamW::new(model, training.weight_decay, training.gradient_clipping)?;
        let ema = Ema::new(&optimizer, training.ema_decay);
        Ok(Self {
            optimizer,
            ema,
            seed: base.seed,
            config: training.clone(),
            history: Vec::new(),
            losses: LossByTimestep::default(),
            stopped: false,
            last_grad_norm: None,
        })
    }

    /// Epochs that are done.
    pub fn epoch(&self) -> usize {
        self.history.len()
    }

    /// Steps that are done of the epoch after those; 0 between two epochs.
    pub fn steps_into_epoch(&self) -> u64 {
        self.losses.steps
    }

    /// Whether an observer stopped the training at the last step.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The loss of each epoch that is done.
    pub fn history(&self) -> &[EpochLoss] {
        &self.history
    }

    /// How it trains.
    pub fn config(&self) -> &TrainingConfig {
        &self.config
    }

    /// Runs `f` while the network has the averaged weights, and gives it its own back.
    ///
    /// # Errors
    /// As [`Ema::with_averaged_weights`].
    pub fn with_averaged_weights<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        self.ema.with_averaged_weights(&self.optimizer, f)
    }

    /// Seeds libtorch for the next step: its timesteps and its noise follow from the seed and the step's number.
    pub fn seed_step(&self) {
        random::seed_libtorch(random::derive(self.seed, Stream::TrainingStep, self.optimizer.steps()));
    }

    /// Takes one gradient descent step on `loss` (one number) with the learning rate of this step, and takes the new
    /// weights into the average. A loss or a gradient that is not finite changes nothing.
    ///
    /// # Errors
    /// As [`AdamW::backward_step`].
    pub fn descend(&mut self, loss: &Tensor, steps_per_epoch: u64) -> Result<Descent> {
        let learning_rate = self.config.learning_rate_at(self.optimizer.steps(), steps_per_epoch);
        let (loss, grad_norm) = self.optimizer.backward_step(loss, learning_rate)?;
        let descent = Descent { loss, grad_norm: loss.is_finite().then_some(grad_norm), learning_rate };
        if descent.is_finite() {
            self.ema.update(&self.optimizer);
            self.last_grad_norm = descent.grad_norm;
        }
        Ok(descent)
    }

    pub(crate) fn end_epoch(&mut self, loss: EpochLoss) {
        self.history.push(loss);
        self.losses = LossByTimestep::default();
    }

    pub(crate) fn restore(&mut self, steps: u64, history: Vec<EpochLoss>, losses: LossByTimestep) {
        self.optimizer.steps = steps;
        self.history = history;
        self.losses = losses;
    }
}

/// One step of gradient descent.
#[derive(Debug, Clone, Copy)]
pub struct Descent {
    /// The loss of the batch.
    pub loss: f64,
    /// The norm of the gradient before clipping; none where the loss is not finite.
    pub grad_norm: Option<f64>,
    /// The learning rate of the step.
    pub learning_rate: f64,
}

impl Descent {
    /// Whether the step was taken.
    pub fn is_finite(&self) -> bool {
        self.grad_norm.is_some_and(f64::is_finite)
    }
}
