//! Samplers: the algorithms that turn noise into data. All of them run in a [`Chain`].

mod by_coordinate;
mod chain;
mod denoised_from;
mod direction;
mod exponential;
mod langevin;
mod layouts;
mod multistep;
mod noise_estimated;
mod probability_flow;
mod reverse_sde;
mod reverse_variance;
mod subspace;
mod suited;
mod truncated;

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use tch::Tensor;

pub use ancestral::reverse_step;
pub use annealed_langevin::{annealed_step_size, annealed_variance};
pub use chain::{Chain, ChainState, Observer, encode, run_chain};
pub(crate) use chain::{shown_time, walk};
pub use denoised_from::DenoisedFrom;
pub(crate) use direction::require_steps_back;
pub use ito_taylor::BrownianIncrements;
pub use langevin::{Langevin, LangevinConvention};
pub use layouts::*;
pub use noise_estimated::{NoiseEstimated, time_of_mean_square};
pub(crate) use probability_flow::PathVariable;
pub use probability_flow::probability_flow;
pub use reverse_variance::ReverseVariance;
pub use subspace::Subspace;
pub use truncated::Truncated;

use self::exponential::finite_step;
use crate::catalogue::catalogue;
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::{GAUSSIAN, Process};

/// An algorithm that turns noise into data: the times that it visits, and the step from one to the next.
pub trait Sampler: Debug {
    /// Starts a chain, and returns the times that it visits, usually from pure noise to 0. The sampler forgets any
    /// state of an earlier chain. An adaptive sampler takes its steps between these times.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for a process that it cannot run on.
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>>;

    /// Takes the samples `x` from the time `from` to the next time `to`; a sampler without fresh noise also goes to a later one. The sampler
    /// may keep state for the following steps.
    ///
    /// # Shapes
    /// `x`: `[N, …]`, in f32 or f64; the result has the same type.
    ///
    /// # Errors
    /// [`Error::Timestep`](crate::Error::Timestep) for a step to a later time with fresh noise; those of the denoiser.
    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step>;
}

/// The settings of a sampler. A sampler without memory is its own settings.
pub trait SamplerSettings: Debug {
    /// A sampler with these settings, before its first chain.
    fn sampler(&self) -> Box<dyn Sampler>;
}

impl<S: Sampler + Clone + 'static> SamplerSettings for S {
    fn sampler(&self) -> Box<dyn Sampler> {
        Box::new(self.clone())
    }
}

/// The result of a step of a sampler.
#[derive(Debug)]
pub struct Step {
    /// The samples at the time `to`.
    pub x: Tensor,
    /// The data that the denoiser predicted from the samples at the time `from`.
    pub predicted_x0: Tensor,
}

/// How a model is sampled from by default. It can be changed at any time, since the weights do not depend on it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingConfig {
    /// The sampler.
    pub sampler: SamplerConfig,
    /// Whether the predicted data is [clipped](crate::denoisers::Clipped) to `[-1, 1]`, the range of images, at every
    /// step.
    pub clip_denoised: bool,
}

impl SamplingConfig {
    /// The default for a model of this process: [Algorithm 2](Ancestral) if the process has steps, otherwise 20 steps of
    /// [`SdeDpmSolverPp2m`], or of [`DpmSolverPp2m`] if the [noise](crate::noises) is not Gaussian, of [`Ddim`]
    /// if coordinates differ.
    pub fn for_process(process: &dyn Process) -> Self {
        if process.steps().is_some() {
            return Self::default();
        }
        let ends_with_signal = process.log_snr(process.end()).is_finite();
        let layout: StepLayoutConfig = if ends_with_signal { LogSnr.into() } else { Trailing.into() };
        let sampler = match process.noise_kind() {
            GAUSSIAN => SdeDpmSolverPp2m::new(20, layout).into(),
            _ if !process.is_scalar() => Ddim { steps: Some(20), layout, ..Ddim::default() }.into(),
            _ => DpmSolverPp2m { steps: Some(20), layout }.into(),
        };
        Self { sampler, ..Self::default() }
    }
}

/// The declared properties of a sampler with its default settings. For all samplers, samples of Gaussian data have
/// about its moments after many steps, and follow from the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplerProperties {
    /// The order of convergence: its error falls with this power of the step length; `None` if the sampler chooses its
    /// steps itself, or if noise hides the order.
    pub order: Option<u32>,
    /// Whether the initial noise alone determines the samples.
    pub is_deterministic: bool,
    /// Whether it reaches data that is a single point.
    pub is_exact_on_a_point: bool,
    /// Whether its last step adds no noise.
    pub ends_without_noise: bool,
    /// How many times it calls the network in each step; `None` if it depends on the data. A step to `t = 0` takes one call, and so does one
    /// from almost pure noise, except with [`Rk4`].
    pub network_calls: Option<u64>,
}

catalogue! {
    /// A sampler with its settings.
    SamplerConfig of "SamplingConfig.sampler", is SamplerSettings, declares SamplerProperties;
    ancestral::Ancestral, "ancestral": "the steps of the forward process back", "Ho et al. 2020, Algorithm 2",
        { order: None, is_deterministic: false, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(1) };
    ddim::Ddim, "ddim": "fewer steps, with any share of fresh noise", "Song, Meng & Ermon 2021, equation 12",
        { order: Some(1), is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(1) };
    plms::Plms, "plms": "multistep, with the coefficients of Adams and Bashforth", "Liu et al. 2022 (PNDM), equation 12",
        { order: Some(2), is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(1) };
    deis::Deis, "deis": "multistep, a polynomial through the predicted noise", "Zhang & Chen 2023, section 3",
        { order: Some(3), is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(1) };
    dpm_solver_2::DpmSolver2, "dpm-solver-2": "second order, with the noise in the middle of each step", "Lu et al. 2022 (DPM-Solver), algorithm 1",
        { order: Some(2), is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(2) };
    dpm_solver_3::DpmSolver3, "dpm-solver-3": "third order, with the noise at two points of each step", "Lu et al. 2022 (DPM-Solver), algorithm 2",
        { order: Some(3), is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(3) };
    dpm_solver_pp_2s::DpmSolverPp2s, "dpm-solver++2s": "second order, with the data in the middle of each step", "Lu et al. 2022 (DPM-Solver++), algorithm 1",
        { order: Some(2), is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(2) };
    dpm_solver_pp_2m::DpmSolverPp2m, "dpm-solver++2m": "multistep, with the data of the step before", "Lu et al. 2022 (DPM-Solver++), algorithm 2",
        { order: Some(2), is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(1) };
    dpm_solver_pp_3m::DpmSolverPp3m, "dpm-solver++3m": "multistep, a parabola through the predicted data", "Lu et al. 2022 (DPM-Solver++), proposition 4.1",
        { order: Some(3), is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(1) };
    uni_pc::UniPc, "unipc": "multistep, each step corrected with the prediction at its end", "Zhao et al. 2023, algorithms 1 and 2",
        { order: Some(3), is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(1) };
    adaptive::Adaptive, "adaptive": "second order, with step lengths that follow from the estimated error", "Lu et al. 2022 (DPM-Solver), appendix C",
        { order: None, is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, network_calls: None };
    heun::Heun, "heun": "second order, with the slopes at both ends of each step", "Karras et al. 2022, algorithm 1",
        { order: Some(2), is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(2) };
    rk4::Rk4, "rk4": "the classical Runge-Kutta method of fourth order", "Song et al. 2021, equation 13",
        { order: Some(4), is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(4) };
    rk45::Rk45, "rk45": "the Runge-Kutta method of Dormand and Prince, with step lengths that follow from the estimated error", "Song et al. 2021, appendix D.4",
        { order: None, is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, network_calls: None };
    consistent_annealed::ConsistentAnnealed, "consistent-annealed": "predicts the data, and returns to the next noise level", "Jolicoeur-Martineau et al. 2021, section 3",
        { order: None, is_deterministic: false, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(1) };
    annealed_langevin::AnnealedLangevin, "annealed-langevin": "Langevin dynamics at each noise level", "Song & Ermon 2019, algorithm 1",
        { order: None, is_deterministic: false, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(10) };
    predictor_corrector::PredictorCorrector, "predictor-corrector": "Langevin dynamics after each step of another sampler", "Song et al. 2021, algorithm 1",
        { order: None, is_deterministic: false, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(2) };
    sde_dpm_solver_pp_2m::SdeDpmSolverPp2m, "sde-dpm-solver++2m": "multistep, with fresh noise", "Lu et al. 2022 (DPM-Solver++), section 5",
        { order: None, is_deterministic: false, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(1) };
    edm_stochastic::EdmStochastic, "edm-stochastic": "heun, with fresh noise before each step", "Karras et al. 2022, algorithm 2",
        { order: None, is_deterministic: false, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(2) };
    reverse_diffusion::ReverseDiffusion, "reverse-diffusion": "the reverse SDE, discretized as the forward process is", "Song et al. 2021, appendix E",
        { order: None, is_deterministic: false, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(1) };
    euler_maruyama::EulerMaruyama, "euler-maruyama": "the reverse SDE, with constant drift and diffusion in each step", "Song et al. 2021, equation 6",
        { order: None, is_deterministic: false, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(1) };
    sde_heun::SdeHeun, "sde-heun": "stochastic Runge-Kutta: the mean of the drifts at both ends of each step", "Kloeden & Platen 1992, section 15.1",
        { order: None, is_deterministic: false, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(2) };
    ito_taylor::ItoTaylor, "ito-taylor": "the Itô-Taylor expansion of strong order 1.5, without derivatives", "Rößler 2010, scheme SRA1",
        { order: None, is_deterministic: false, is_exact_on_a_point: true, ends_without_noise: true, network_calls: Some(2) };
}

impl SamplerConfig {
    /// Whether the initial noise alone determines the samples, with these settings.
    pub fn is_deterministic(&self) -> bool {
        match self {
            Self::Ddim(ddim) => ddim.eta == 0.0,
            Self::ConsistentAnnealed(annealed) => annealed.power == 1.0,
            Self::PredictorCorrector(of) => of.corrections == 0 && of.predictor.is_deterministic(),
            _ => self.properties().is_deterministic,
        }
    }

    /// How many times it calls the network in each step, with these settings; see [`SamplerProperties::network_calls`].
    pub fn network_calls(&self) -> Option<u64> {
        match self {
            Self::AnnealedLangevin(of) => Some(of.corrections as u64),
            Self::PredictorCorrector(of) => Some(of.predictor.network_calls()? + of.corrections as u64),
            _ => self.properties().network_calls,
        }
    }

    /// The most steps that it can take with its layout and so many network calls, at least one; `None` if the number of calls depends on the
    /// data.
    pub fn steps_within(&self, process: &dyn Process, network_calls: u64) -> Option<u64> {
        let of_a_step = self.network_calls()?;
        let is_whole = |from: f64, to: f64| match self {
            Self::Rk4(_) => to > 0.0,
            _ => finite_step(process, from, to).is_some(),
        };
        let calls = |steps: u64| {
            let times = self.with_setting("steps", steps.into()).ok()?.sampler().times(process).ok()?;
            let of = |pair: &[f64]| if is_whole(pair[0], pair[1]) { of_a_step } else { 1 };
            Some(times.windows(2).map(of).sum::<u64>())
        };
        (1..).take_while(|steps| *steps == 1 || calls(*steps).is_some_and(|calls| calls <= network_calls)).last()
    }
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Ancestral::default().into()
    }
}
