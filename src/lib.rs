//! Diffusion models, taught by running them: points and images dissolve into noise, a network learns to undo that, and
//! new ones form out of noise. The notebooks are the course; this crate is the code that they run, written to be read.
//!
//! # The rooms
//!
//! In reading order: each room depends only on those above it, which `cargo xtask tidy` checks. The rooms down to
//! [`objectives`] are the mathematics and know no configuration; [`config`] names the available choices, and the rooms
//! below it use them.
//!
//! | room | what is inside |
//! |---|---|
//! | [`error`], [`cuda`], [`device`], [`precision`] | what can go wrong; on which device and in which precision to compute |
//! | [`catalogue`], `random`, `threads`, [`out_of_memory`] | catalogues of entries, randomness from one seed, threads, what fits into memory |
//! | [`npy`], `tensor_file`, `pixels`, `points` | tensors as files, as images, as points |
//! | [`ode`], `divergence` | solvers of ordinary differential equations: Runge-Kutta, with fixed steps and adaptive; the trace of a Jacobian |
//! | `assignment`, [`couplings`] | the assignment of least cost; which noise belongs to which sample of a batch |
//! | [`process`] | from data to noise: `beta_t`, what follows from it, `forward_diffusion` |
//! | [`datasets`] | what to learn, one file per data set |
//! | [`noises`] | noise that is not standard Gaussian: skewed, of two modes, with heavy tails; one rate for each coordinate, a blur; another data set |
//! | [`networks`] | weights and a function: `Network`, `Fnn`, `Unet` |
//! | `network_file` | networks that are no models, as files |
//! | [`parameterizations`] | what a network's output means: the noise, the data or the velocity |
//! | [`denoisers`] | what a sampler sees of a model: the data and the noise in `x_t` |
//! | [`samplers`] | from noise to data: Algorithm 2, DDIM, and the chain of states that they share |
//! | [`guidance`] | denoisers around denoisers that steer samples: towards a class, away from others, inside a mask |
//! | [`model`] | a network with its parameterization |
//! | [`likelihood`] | how likely data is under a model: the variational bound, term by term; the likelihood itself, by the ODE |
//! | [`objectives`] | what training minimizes: Algorithm 1 |
//! | [`config`] | the configuration of a run |
//! | [`loader`] | the data in batches |
//! | [`training`] | an epoch, and the `Learner` that it trains; AdamW, the average of the weights, the validation loss |
//! | [`classifiers`] | classifiers of noisy samples, for guidance |
//! | [`learned_schedules`] | noise schedules that are learned together with the network |
//! | [`critically_damped`] | diffusion of a position and its velocity |
//! | [`sampling`] | `generate_samples` |
//! | [`flows`], [`bridges`] | flows that learn from pairs: reflow; bridges between two distributions: stochastic interpolants, the Brownian and the Schrödinger bridge |
//! | [`discrete`] | diffusion on categories: letters, grey levels |
//! | [`features`] | networks that turn images into vectors, for metrics on them |
//! | [`metrics`] | how good samples are, and whether they are copies |
//! | [`step_search`] | which times a sampler should visit: found by dynamic programming, or learned by gradient |
//! | [`show`] | loggers, pictures of chains, progress |
//! | [`models`] | a model's folder, complete trainings, import and export of weights |
//! | [`comparison`] | which combination of process, parameterization and objective is best, and which sampler |
//! | [`visualize`], [`show_source`](mod@show_source) | pictures of all this, and its source in a cell |
//! | [`exercises`] | the checks behind the notebooks' exercises |
//!
//! # Notation
//!
//! | in code | in papers | meaning |
//! |---|---|---|
//! | `t`, `timesteps` | t, T | timestep, `1..=T`; `t = 0` is clean data |
//! | `x0`, `x_t` | x₀, x_t | data, data with the noise of `t` steps |
//! | `eps` | ε, x₁ | the noise in `x_t`, standard Gaussian unless the process has [other noise](noises) |
//! | `eps_theta` | ε_θ(x_t, t) | the network's prediction of it |
//! | `beta` | β_t | variance of the noise that step `t` adds |
//! | `alpha` | α_t = 1 − β_t | share of the signal's variance that step `t` keeps |
//! | `alpha_bar`, `alpha_cumulative` | ᾱ_t = α₁ … α_t | share of the signal's variance left after `t` steps; of masks, probability that a token is not masked yet |
//! | `sigma` | σ_t | standard deviation of the noise of the reverse step; for EDM the noise level `s(t) / a(t)` |
//! | `predicted_x0` | x̂₀ | the data that `x_t` and `eps_theta` imply |
//! | `signal`, `noise` | a(t), s(t) | of any process: `x_t = a(t) x_0 + s(t) eps`; here `sqrt(alpha_bar_t)` and `sqrt(1 - alpha_bar_t)` |
//! | `by_coordinate`, `basis` | V A V^T | signal and noise of each coefficient in a basis, if they differ |
//! | `from`, `to` | t, s | the times before and after a step of a sampler |
//! | `y` | y = x / a(t) | the samples without the factor of the signal: `y = x_0 + sigma eps` |
//! | `drift`, `diffusion` | f(t), g(t) | of the forward SDE of a process: `dx = f(t) x dt + g(t) dw` |
//! | `score` | ∇ log q(x_t), s_θ(x_t, t) | the gradient of the log density of `x_t`: `- eps / s(t)` |
//! | `step_size` | γ, α, ε | the length of a step of Langevin dynamics, in the [convention](samplers::LangevinConvention) that the sampler names |
//! | `snr` | r | of a corrector: the ratio of its drift to its noise |
//! | `signal_slope`, `noise_slope` | a'(t), s'(t) | how fast signal and noise change: `dx/dt = a'(t) x_0 + s'(t) eps` is the probability-flow ODE |
//! | `mass`, `friction` | M, Γ | of a critically damped process, in which a sample `x` has a velocity `v` |
//! | `log_snr` | log SNR | logarithm of the signal-to-noise ratio `a(t)² / s(t)²` |
//! | `gamma` | γ(t) | `-log_snr`, rising with `t` |
//! | `variance` | σ_t², β̃_t | variance of the noise of the reverse step; of a `Posterior`, that of `x_{t-1}` once `x_t` and `x_0` are known |
//! | `variance_share` | v | place of a learned variance between the logarithms of β̃_t (0) and β_t (1) |
//! | `nats` | L_t | a term of the bound on the negative log likelihood, in nats, the unit of natural logarithms |
//! | `output` | F_θ | the output of a network, whatever it means |
//! | `mean`, `deviation` | μ, Σ^½ | of a [`Prior`](training::Prior): mean and standard deviation of each number of the data |
//! | `mix` | α(t), β(t), γ(t) | of an [interpolant](bridges::Interpolant): `x_t = alpha x_0 + beta x_1 + gamma z` |
//! | `epsilon` | ε | of entropic optimal transport: the weight of the entropy; of the SDE of an interpolant: half the square of its diffusion |
//! | `q`, `q_bar` | Q_t, Q̄_t = Q₁ … Q_t | probabilities of a step, and of `t` steps, from one category to another |
//! | `symbols`, `states` | S, K | the categories of the data; the same with the mask, if there is one |
//! | `rates` | R | of a process on categories in continuous time: `Q̄_t = exp(B(t) R)`, `B(t)` the integral of `beta(t)` |
//! | `weight` | w(t) | the weight of the loss at time `t` |
//! | `scale`, `guidance` | w | of guidance: `(1 + w) eps(x_t, c) - w eps(x_t)`; 0 for none |
//! | `log_probability` | ln p(y \| x_t) | of a classifier, whose gradient guides |
//!
//! # Shapes
//!
//! `[N, D]` for points, `[N, C, H, W]` for images in `[-1, 1]`, `[N]` int64 for timesteps and labels.

pub mod bridges;
pub mod catalogue;
pub mod classifiers;
pub mod comparison;
pub mod config;
pub mod couplings;
pub mod critically_damped;
pub mod cuda;
pub mod datasets;
pub mod denoisers;
pub mod device;
pub mod discrete;
pub mod error;
pub mod exercises;
pub mod features;
pub mod flows;
pub mod guidance;
pub mod learned_schedules;
pub mod likelihood;
pub mod loader;
pub mod metrics;
pub mod model;
pub mod models;
pub mod networks;
pub mod noises;
pub mod npy;
pub mod objectives;
pub mod ode;
pub mod out_of_memory;
pub mod parameterizations;
pub mod precision;
pub mod process;
pub mod samplers;
pub mod sampling;
pub mod show;
pub mod show_source;
pub mod step_search;
pub mod training;
pub mod visualize;

mod assignment;
mod divergence;
mod network_file;
mod pixels;
mod points;
mod random;
mod tensor_file;
mod threads;

pub use error::{Error, Result};

/// Everything that a notebook needs, in one `use`.
pub mod prelude {
    pub use ddpm_utils::display::{Html, Picture};
    pub use ddpm_utils::interrupted;
    pub use ddpm_utils::live_plot::{LivePlot, live_plot};
    pub use ddpm_utils::plots::{AxisScale, LineChart, LineStyle, Series, line_charts, line_film};
    pub use ddpm_utils::progress::progress;
    pub use ddpm_utils::text_film::text_film;
    pub use tch::{self, Device, Kind, Tensor, nn};

    pub use crate::bridges::*;
    pub use crate::classifiers::*;
    pub use crate::comparison::{Comparison, SamplerLadder};
    pub use crate::config::{
        BaseConfig, CheckpointConfig, ComputeConfig, Design, InferType, LearningRateSchedule, TrainingConfig,
        get_model, get_process,
    };
    pub use crate::couplings::*;
    pub use crate::critically_damped::*;
    pub use crate::datasets::*;
    pub use crate::denoisers::{Clipped, Counted, Denoised, Denoiser, GaussianOracle, MixtureOracle};
    pub use crate::device::DeviceChoice;
    pub use crate::discrete::*;
    pub use crate::error::Error;
    pub use crate::exercises::{
        Verdict, check_angle, check_bits, check_brightness_diagnosis, check_clipped_mean, check_codes_diagnosis,
        check_cold_step, check_copies_diagnosis, check_corrector_diagnosis, check_ddim_step, check_ema_decay,
        check_first_diagnosis, check_forward, check_gamma_noise, check_gaussian_denoiser, check_heun_step,
        check_implicit_loss, check_importance, check_kl, check_langevin_step, check_level_step, check_masked,
        check_min_snr, check_multistep_data, check_ode_velocity, check_posterior_variance, check_power,
        check_preconditioning, check_predicted_x0, check_rescaled_score, check_responsibilities, check_reveal,
        check_reverse_step, check_right_variance, check_score, check_sde_diagnosis, check_second_diagnosis,
        check_sigma_of_eta, check_solver_diagnosis, check_start_diagnosis, check_trace, check_unit_range,
        check_v_target, check_variance_diagnosis, check_vp_sde, check_without_noise, check_x0_of_v,
        denoiser_to_diagnose, sampler_to_diagnose, sdes_to_diagnose,
    };
    pub use crate::features::*;
    pub use crate::flows::*;
    pub use crate::guidance::*;
    pub use crate::learned_schedules::{GammaAt, LearnedSchedule, VdmLearner};
    pub use crate::likelihood::{Bound, Likelihood, OdeBatches, OdeLikelihood, OdeNats, Term, Terms, Values};
    pub use crate::loader::{DataLoader, get_dataloader};
    pub use crate::metrics::*;
    pub use crate::model::{Model, ModelDenoiser, predict};
    pub use crate::models::{
        ConfigFile, ImportOptions, ImportReport, ModelConfig, ModelManager, StorageKind, Weights, train,
    };
    pub use crate::networks::*;
    pub use crate::noises::*;
    pub use crate::objectives::*;
    pub use crate::ode::*;
    pub use crate::parameterizations::*;
    pub use crate::precision::Precision;
    pub use crate::process::*;
    pub use crate::samplers::*;
    pub use crate::sampling::{
        draw_noise, draw_noise_of, generate_samples, generate_samples_by, generate_samples_of_classes,
        generate_samples_with, require_in_range,
    };
    pub use crate::show::{InferenceLogger, show_progress, show_progress_and_curve};
    pub use crate::show_source::show_source;
    pub use crate::step_search::*;
    pub use crate::training::{
        AdamW, AdversarialLearner, Descent, Discriminator, Ema, EpochLoss, Learner, LearnerStep, ModelLearner,
        ParameterGroup, Prior, PriorLearner, StepReport, TrainingState, adversarial_loss, discriminator_loss,
        train_one_epoch, train_one_epoch_of, validation_loss,
    };
    pub use crate::visualize::{
        visualize_attention, visualize_comparison, visualize_data, visualize_features, visualize_forward,
        visualize_images, visualize_ladder, visualize_nearest, visualize_points, visualize_progress,
        visualize_score_field, visualize_training, visualize_training_beside, visualize_transitions,
        visualize_variance_schedule,
    };
}
