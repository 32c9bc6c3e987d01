//! Diffusion models, taught by running them: points and images dissolve into noise, a network learns to undo it, and new
//! ones form out of static. The notebooks are the course; this crate is what they run, written to be read.
//!
//! # The rooms
//!
//! In reading order. `config` names settings of rooms below it; apart from that, each builds on those above it.
//!
//! | room | what is inside |
//! |---|---|
//! | [`config`], [`device`], [`cuda`], [`error`] | what a run is made from, where it computes, what can go wrong |
//! | [`schedule`] | `beta_t` as a function of `t` |
//! | [`constants`] | everything that follows from `beta_t` |
//! | [`forward`] | from data to noise: `forward_diffusion` |
//! | [`datasets`] | what to learn, and the loader that serves it |
//! | [`networks`] | what learns it: `Denoiser`, `Fnn`, `Unet` |
//! | [`optim`], [`ema`] | how it learns: AdamW, and the average of the weights |
//! | [`training`], [`training_state`], [`validation`], [`progress`] | Algorithm 1: `train_one_epoch`, what it carries along, how good it is on data that it does not see, and a bar for it |
//! | [`sampling`], [`prediction`] | Algorithm 2: `generate_samples`, and what may watch it, an `Observer`; and one look through a network |
//! | [`inference_logger`], [`npy`] | what becomes of samples; tensors as NumPy's files |
//! | [`metrics`], [`nearest`] | how good they are, and whether they are copies |
//! | [`model_manager`], [`training_run`] | a model's folder, weights from elsewhere and for elsewhere, and a whole training |
//! | [`visualize`], [`show_source`](mod@show_source) | pictures of all this, and its source in a cell |
//! | [`exercises`] | the checks behind the notebooks' exercises |
//!
//! # Notation
//!
//! | in code | in papers | meaning |
//! |---|---|---|
//! | `t`, `timesteps` | t, T | timestep, `1..=T`; `t = 0` is clean data |
//! | `x0`, `x_t` | x₀, x_t | data, data with the noise of `t` steps |
//! | `eps` | ε | the noise in `x_t`, standard Gaussian |
//! | `eps_theta` | ε_θ(x_t, t) | the network's prediction of it |
//! | `beta` | β_t | variance of the noise that step `t` adds |
//! | `alpha` | α_t = 1 − β_t | share of the signal's variance that step `t` keeps |
//! | `alpha_bar`, `alpha_cumulative` | ᾱ_t = α₁ … α_t | share of the signal's variance left after `t` steps |
//! | `sigma` | σ_t | standard deviation of the noise of the reverse step |
//! | `predicted_x0` | x̂₀ | the data that `x_t` and `eps_theta` imply |
//!
//! # Shapes
//!
//! `[N, D]` for points, `[N, C, H, W]` for images in `[-1, 1]`, `[N]` int64 for timesteps.

pub mod config;
pub mod constants;
pub mod cuda;
pub mod datasets;
pub mod device;
pub mod ema;
pub mod error;
pub mod exercises;
pub mod forward;
pub mod inference_logger;
pub mod metrics;
pub mod model_manager;
pub mod nearest;
pub mod networks;
pub mod npy;
pub mod optim;
pub mod prediction;
pub mod progress;
pub mod sampling;
pub mod schedule;
pub mod show_source;
pub mod training;
pub mod training_run;
pub mod training_state;
pub mod validation;
pub mod visualize;

mod checkpoint;
mod infer_type;
mod inference_log;
mod loss_by_timestep;
mod model_folder;
mod original;
pub mod out_of_memory;
mod parameters;
mod pictures_of_samples;
mod pixels;
mod points;
mod random;
mod tensor_file;
mod threads;

pub use error::{Error, Result};

/// Everything that a notebook needs, by one `use`.
pub mod prelude {
    pub use ddpm_utils::display::{Html, Picture};
    pub use ddpm_utils::interrupted;
    pub use ddpm_utils::live_plot::{LivePlot, live_plot};
    pub use ddpm_utils::progress::progress;
    pub use tch::{self, Device, Kind, Tensor, nn};

    pub use crate::config::{
        BaseConfig, ConfigFile, FnnConfig, LearningRateSchedule, ModelConfig, NetworkConfig, Precision, TrainingConfig,
        UnetConfig,
    };
    pub use crate::constants::{ConstantsManager, ReverseVariance, TimestepSampling};
    pub use crate::datasets::{
        Checkerboard, Cifar10, Cifar100, Circles, DataLoader, Dataset, FashionMnist, Fit, Flowers, ImageFolder,
        ImageSet, LabelledImages, Mnist, Moons, PaintedFlowers, PointSet, Spiral, Split, SwissRoll, get_dataloader,
    };
    pub use crate::device::DeviceChoice;
    pub use crate::ema::Ema;
    pub use crate::error::Error;
    pub use crate::exercises::{
        Verdict, check_clipped_mean, check_ema_decay, check_forward, check_posterior_variance, check_predicted_x0,
        check_unit_range, check_without_noise,
    };
    pub use crate::forward::{add_noise, forward_diffusion, forward_step};
    pub use crate::inference_logger::{InferType, InferenceLogger};
    pub use crate::metrics::{Evaluation, evaluate, sliced_wasserstein};
    pub use crate::model_manager::{ImportOptions, ImportReport, ModelManager, StorageKind, Weights};
    pub use crate::nearest::{NearestImages, nearest_images};
    pub use crate::networks::{Denoiser, Fnn, Inside, TimeEmbedding, Unet, UnetSummary, get_model, parameter_count};
    pub use crate::optim::AdamW;
    pub use crate::prediction::predict;
    pub use crate::progress::{show_progress, show_progress_and_curve};
    pub use crate::sampling::{ChainState, Observer, ReverseChain, generate_samples, reverse_step};
    pub use crate::schedule::NoiseSchedule;
    pub use crate::show_source::show_source;
    pub use crate::training::{EpochLoss, StepReport, train_one_epoch};
    pub use crate::training_run::train;
    pub use crate::training_state::TrainingState;
    pub use crate::validation::validation_loss;
    pub use crate::visualize::{
        visualize_attention, visualize_data, visualize_features, visualize_forward, visualize_images,
        visualize_nearest, visualize_points, visualize_progress, visualize_score_field, visualize_training,
        visualize_training_beside, visualize_variance_schedule,
    };
}
