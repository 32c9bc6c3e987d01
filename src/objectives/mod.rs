//! Objectives: what training minimizes.

mod differentiated;
mod importance;
mod noised;
mod random_term;
pub mod timesteps;
pub mod weightings;

use std::fmt::Debug;

use tch::{Kind, Reduction, Tensor};

pub use importance::Importance;
pub(crate) use noised::Noised;
pub use sliced_score::SliceDirections;
pub use timesteps::*;
pub use weightings::*;

use crate::catalogue::catalogue;
use crate::couplings::CouplingConfig;
use crate::error::Result;
use crate::model::Model;
use crate::process::Process;

/// A batch of samples, with their labels.
#[derive(Debug)]
pub struct Batch {
    /// `x_0`, `[B, …]` f32.
    pub x0: Tensor,
    /// The class of each sample, `[B]` int64, if the data set has classes.
    pub label: Option<Tensor>,
}

impl Batch {
    /// A batch without classes.
    pub fn of(x0: Tensor) -> Self {
        Self { x0, label: None }
    }

    /// `length` of its samples, starting at `start`.
    #[must_use]
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        let part = |of: &Tensor| of.narrow(0, start, length);
        Self { x0: part(&self.x0), label: self.label.as_ref().map(part) }
    }
}

/// The loss of a batch.
#[derive(Debug)]
pub struct Loss {
    /// The times of the samples, `[B]`, if the objective uses times.
    pub t: Option<Tensor>,
    /// The loss of each sample, `[B]`; training minimizes their mean.
    pub by_sample: Tensor,
}

/// What the training of a model minimizes.
pub trait Objective: Debug {
    /// The loss of a batch, with times and noise drawn from libtorch's generator.
    ///
    /// # Errors
    /// Those of the model; [`Error::Unsupported`](crate::Error::Unsupported) for an unsuitable process.
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss>;

    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first invalid setting.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// For an objective that learns from the losses of a training: one with these settings that does, as a training uses it.
    fn with_memory(&self) -> Option<Box<dyn Objective>> {
        None
    }

    /// Called after each step of a training, with its loss.
    ///
    /// # Errors
    /// Errors of the implementation.
    fn observe(&self, _process: &dyn Process, _loss: &Loss) -> Result<()> {
        Ok(())
    }

    /// What it has learned so far, which a checkpoint contains: f32 numbers; `None` if nothing.
    fn memory(&self) -> Option<Tensor> {
        None
    }

    /// Restores what it had learned.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for the memory of another objective.
    fn remember(&self, _memory: &Tensor) -> Result<()> {
        Ok(())
    }
}

/// The declared properties of an objective. For all objectives, the loss is one number per sample, follows from the
/// seed, and has a gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObjectiveProperties {
    /// The `c` at which its gradient vanishes for a network that predicts `eps = c x_t` at all times, for data `N(0, 0.25)` and the
    /// cosine schedule with `T = 100`. With the objective's weight `w(t)` of the error of `eps`, it is
    /// `sum w s / sum w ( a^2 / 4 + s^2 )`.
    pub best_factor: f64,
    /// Whether it adds up terms of single steps, so that the process has to have steps.
    pub needs_steps: bool,
    /// Whether it needs Gaussian noise: terms of the bound are divergences of Gaussians, and only there the noise determines the score.
    pub needs_gaussian_noise: bool,
    /// Whether it trains the variance of the reverse steps, if the network predicts it.
    pub trains_variance: bool,
    /// Whether it needs a network that predicts this variance.
    pub needs_variance: bool,
}

catalogue! {
    /// What the training minimizes, with its settings.
    ObjectiveConfig of "TrainingConfig.objective", is Objective, declares ObjectiveProperties;
    simple::Simple, "simple": "the mean squared error of the network's output", "Ho et al. 2020, Algorithm 1",
        { best_factor: 1.0233, needs_steps: false, needs_gaussian_noise: false, trains_variance: false, needs_variance: false };
    weighted::Weighted, "weighted": "the squared error of the noise, weighted by the noise level", "Salimans & Ho 2022, section 4",
        { best_factor: 1.0573, needs_steps: false, needs_gaussian_noise: false, trains_variance: false, needs_variance: false };
    l1::L1, "l1": "the mean absolute error of the network's output", "Saharia et al. 2022 (Palette), section 3",
        { best_factor: 1.0145, needs_steps: false, needs_gaussian_noise: false, trains_variance: false, needs_variance: false };
    huber::Huber, "huber": "squared for small errors, absolute for large ones", "Huber 1964",
        { best_factor: 1.0330, needs_steps: false, needs_gaussian_noise: false, trains_variance: false, needs_variance: false };
    flow_matching::FlowMatching, "flow-matching": "the squared error of the velocity", "Lipman et al. 2023, theorem 2; Liu et al. 2023, equation 1",
        { best_factor: 1.0002, needs_steps: false, needs_gaussian_noise: false, trains_variance: false, needs_variance: false };
    denoising_score::DenoisingScore, "denoising-score": "the error of the score, weighted by the variance of the noise", "Song & Ermon 2019, equation 5",
        { best_factor: 1.0233, needs_steps: false, needs_gaussian_noise: true, trains_variance: false, needs_variance: false };
    implicit_score::ImplicitScore, "implicit-score": "the score without a target, from the trace of its gradient", "Hyvärinen 2005, theorem 1",
        { best_factor: 1.0233, needs_steps: false, needs_gaussian_noise: true, trains_variance: false, needs_variance: false };
    sliced_score::SlicedScore, "sliced-score": "the score without a target, along random directions", "Song et al. 2019 (Sliced Score Matching), equation 8",
        { best_factor: 1.0233, needs_steps: false, needs_gaussian_noise: true, trains_variance: false, needs_variance: false };
    vlb::Vlb, "vlb": "the variational bound on the likelihood, in bits per dimension", "Ho et al. 2020, equation 5",
        { best_factor: 1.0, needs_steps: true, needs_gaussian_noise: true, trains_variance: true, needs_variance: false };
    hybrid::Hybrid, "hybrid": "the error of the noise, and the bound for a learned variance", "Nichol & Dhariwal 2021, equation 16",
        { best_factor: 1.0233, needs_steps: true, needs_gaussian_noise: true, trains_variance: true, needs_variance: true };
}

impl ObjectiveConfig {
    /// The coupling of data and noise, if it is not the independent one.
    pub fn coupling(&self) -> Option<&CouplingConfig> {
        match self {
            Self::FlowMatching(of) => Some(&of.coupling).filter(|coupling| !coupling.properties().is_independent),
            _ => None,
        }
    }
}

impl Default for ObjectiveConfig {
    fn default() -> Self {
        Simple::default().into()
    }
}

/// The mean of `(output - target)^2` over each sample, `[B]`; Ho et al. 2020, equation 14, has the sum.
pub(crate) fn squared_error(output: &Tensor, target: &Tensor) -> Tensor {
    output.mse_loss(target, Reduction::None).flatten(1, -1).mean_dim(1, false, Kind::Float)
}
