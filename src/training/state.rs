//! `TrainingState`: the state of a training besides the weights, which checkpoints therefore contain.

use std::rc::Rc;

use tch::{Tensor, nn, no_grad_guard};

use super::group::ParameterGroup;
use super::loss_by_timestep::{EpochLoss, LossByTimestep};
use crate::config::{BaseConfig, TrainingConfig};
use crate::error::{Error, Result};
use crate::networks::Network;
use crate::objectives::Objective;
use crate::random::{self, Stream};

/// The optimizers, the moving averages, the progress of the training, and the loss of each epoch so far.
///
/// The timesteps and the noise of a step depend only on the seed and the number of the step. A training that resumes
/// from a saved state therefore ends with the same weights as one that was never stopped, exactly on the same CPU and
/// approximately on a GPU.
#[derive(Debug)]
pub struct TrainingState {
    groups: Vec<ParameterGroup>,
    seed: u64,
    config: TrainingConfig,
    /// What is minimized, with what it has learned about the losses.
    objective: Rc<dyn Objective>,
    steps: u64,
    /// The learning rate of the current step.
    learning_rate: Option<f64>,
    history: Vec<EpochLoss>,
    /// The losses of the current epoch.
    pub(crate) losses: LossByTimestep,
    pub(crate) stopped: bool,
    /// A descent of the current step that was not taken.
    pub(super) diverged: Option<Descent>,
    /// The gradient norm of the last step, which is reported if the training diverges.
    pub(super) last_grad_norm: Option<f64>,
}

impl TrainingState {
    /// The state of a network before the first step.
    ///
    /// # Errors
    /// [`Error::Config`] for an invalid configuration; [`Error::Unsupported`] for a network without parameters.
    pub fn new(model: &dyn Network, base: &BaseConfig, training: &TrainingConfig) -> Result<Self> {
        Self::of_groups(&[("", model.var_store())], base.seed, training)
    }

    pub(crate) fn of_groups(
        groups: &[(&'static str, &nn::VarStore)],
        seed: u64,
        training: &TrainingConfig,
    ) -> Result<Self> {
        training.validate()?;
        let objective = training.objective.build();
        let group = |(name, vs): &(&'static str, &nn::VarStore)| ParameterGroup::new(name, vs, training);
        Ok(Self {
            groups: groups.iter().map(group).collect::<Result<_>>()?,
            seed,
            config: training.clone(),
            objective: objective.with_memory().unwrap_or(objective).into(),
            steps: 0,
            learning_rate: None,
            history: Vec::new(),
            losses: LossByTimestep::default(),
            stopped: false,
            diverged: None,
            last_grad_norm: None,
        })
    }

    /// The parameter groups; a denoiser has one.
    pub fn groups(&self) -> &[ParameterGroup] {
        &self.groups
    }

    /// The number of steps taken, over all epochs.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The number of completed epochs.
    pub fn epoch(&self) -> usize {
        self.history.len()
    }

    /// The number of steps taken in the current epoch; 0 between two epochs.
    pub fn steps_into_epoch(&self) -> u64 {
        self.losses.steps
    }

    /// Whether an observer stopped the training at the last step.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The loss of each completed epoch.
    pub fn history(&self) -> &[EpochLoss] {
        &self.history
    }

    /// The configuration of the training.
    pub fn config(&self) -> &TrainingConfig {
        &self.config
    }

    /// The objective of that configuration, with what it has learned about the losses.
    pub fn objective(&self) -> Rc<dyn Objective> {
        Rc::clone(&self.objective)
    }

    /// Runs `f` with the averaged weights in the network, and restores its own weights even if `f` fails or panics.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the network has since got another optimizer; errors of `f`.
    pub fn with_averaged_weights<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let swap_in = |group: &ParameterGroup| group.ema.swap_in(&group.optimizer);
        let _restore = self.groups.iter().map(swap_in).collect::<Result<Vec<_>>>()?;
        f()
    }

    /// Leaves the averaged weights in the network, at the end of a training.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the network has since got another optimizer.
    pub fn keep_averaged_weights(self) -> Result<()> {
        let _no_grad = no_grad_guard();
        for group in &self.groups {
            let parameters = &group.optimizer.parameters;
            parameters.check_still_ours()?;
            parameters.values.shallow_clone().copy_(group.ema.average());
        }
        Ok(())
    }

    /// Begins the next step, in an epoch of `steps_per_epoch` steps: seeds libtorch, so that the step's times and noise
    /// follow from the seed and its number, and sets its learning rate. [`end_step`](Self::end_step) ends the step.
    pub fn begin_step(&mut self, steps_per_epoch: u64) {
        random::seed_libtorch(random::derive(self.seed, Stream::TrainingStep, self.steps));
        self.learning_rate = Some(self.config.learning_rate_at(self.steps, steps_per_epoch));
        self.diverged = None;
    }

    /// Takes one gradient descent step on `loss` (one number) on the parameters of a group, with the learning rate of
    /// this step, and updates the average of the weights. A loss or a gradient that is not finite changes nothing.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before [`begin_step`](Self::begin_step), for an unknown group, and if the network has
    /// since got another optimizer; [`Error::Torch`] if `loss` does not depend on the parameters.
    pub fn descend(&mut self, group: &str, loss: &Tensor) -> Result<Descent> {
        let Some(learning_rate) = self.learning_rate else {
            return Err(Error::Unsupported(
                "no step has begun: call begin_step before descend, and end_step after it".to_owned(),
            ));
        };
        let Some(group) = self.groups.iter_mut().find(|known| known.name == group) else {
            let known: Vec<String> = self.groups.iter().map(|known| format!("{:?}", known.name)).collect();
            return Err(Error::Unsupported(format!("no parameter group {group:?}; available: {}", known.join(", "))));
        };
        let (loss, grad_norm) = group.optimizer.backward_step(loss, learning_rate)?;
        let descent = Descent { loss, grad_norm: loss.is_finite().then_some(grad_norm), learning_rate };
        if descent.is_finite() {
            group.ema.update(&group.optimizer);
        } else {
            self.diverged = Some(descent);
        }
        Ok(descent)
    }

    /// Ends a step that was taken, and advances the step number.
    pub fn end_step(&mut self, descent: &Descent) {
        self.steps += 1;
        self.learning_rate = None;
        self.last_grad_norm = descent.grad_norm;
    }

    pub(super) fn end_epoch(&mut self, loss: EpochLoss) {
        self.history.push(loss);
        self.losses = LossByTimestep::default();
    }

    pub(crate) fn groups_mut(&mut self) -> &mut [ParameterGroup] {
        &mut self.groups
    }

    pub(crate) fn restore(&mut self, steps: u64, history: Vec<EpochLoss>, losses: LossByTimestep) {
        (self.steps, self.history, self.losses) = (steps, history, losses);
    }
}

/// One step of gradient descent.
#[derive(Debug, Clone, Copy)]
pub struct Descent {
    /// The loss of the batch.
    pub loss: f64,
    /// The norm of the gradient before clipping; `None` if the loss is not finite.
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
