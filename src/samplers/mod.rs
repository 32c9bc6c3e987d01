//! Samplers: the ways from noise to data. Each walks along the same [`Chain`].

mod chain;
mod layouts;

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use tch::Tensor;

pub use ancestral::{ReverseVariance, reverse_step};
pub use chain::{Chain, ChainState, Observer, run_chain};
pub(crate) use chain::{shown_time, walk};
pub use layouts::*;

use crate::catalogue::catalogue;
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;

/// A way from noise to data: the times that it visits, and how it gets from one to the next.
pub trait Sampler: Debug {
    /// Begins a chain: the times that it visits, usually from that of pure noise to 0. What the sampler keeps of an earlier chain it
    /// forgets. One that chooses its steps as it goes takes them between these times.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for a process that it cannot run on.
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>>;

    /// Goes from the samples `x` at the time `from` to the time `to`, which comes next; that may be a later one. It may keep
    /// what it saw for the steps that follow.
    ///
    /// # Shapes
    /// `x`: `[N, …]`, in f32 or f64, which the result keeps.
    ///
    /// # Errors
    /// Those of the denoiser.
    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step>;
}

/// What a sampler is made from. One that remembers nothing from step to step is its own settings.
pub trait SamplerSettings: Debug {
    /// A sampler with these settings, before its first chain.
    fn sampler(&self) -> Box<dyn Sampler>;
}

impl<S: Sampler + Clone + 'static> SamplerSettings for S {
    fn sampler(&self) -> Box<dyn Sampler> {
        Box::new(self.clone())
    }
}

/// Where a step of a sampler leads.
#[derive(Debug)]
pub struct Step {
    /// The samples at the time `to`.
    pub x: Tensor,
    /// The data that the denoiser saw in the samples at the time `from`.
    pub predicted_x0: Tensor,
}

/// How a model is sampled from, unless it is said otherwise. Free to change at any time: no weight depends on it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingConfig {
    /// The sampler.
    pub sampler: SamplerConfig,
    /// Whether the data that the network sees is [clipped](crate::denoisers::Clipped) to `[-1, 1]`, the range of images, at every step.
    pub clip_denoised: bool,
}

impl SamplingConfig {
    /// What a model on this process is sampled with unless it is said otherwise: [Algorithm 2](Ancestral), where the process has steps; else
    /// 20 steps of [`SdeDpmSolverPp2m`].
    pub fn for_process(process: &dyn Process) -> Self {
        if process.steps().is_some() {
            return Self::default();
        }
        let ends_with_signal = process.log_snr(process.end()).is_finite();
        let layout: StepLayoutConfig = if ends_with_signal { Karras::default().into() } else { Trailing.into() };
        Self { sampler: SdeDpmSolverPp2m::new(20, layout).into(), ..Self::default() }
    }
}

/// What a sampler declares of itself, with its default settings. That the samples of Gaussian data have about its moments after many steps, and that a seed decides them,
/// holds for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplerProperties {
    /// The power of the length of a step that its error falls with; none where the process decides its steps, or its noise hides it.
    pub order: Option<u32>,
    /// Whether the noise that it starts from alone decides the samples.
    pub is_deterministic: bool,
    /// Whether data that is a single point is reached.
    pub is_exact_on_a_point: bool,
    /// Whether its last step adds no noise.
    pub ends_without_noise: bool,
    /// Whether it runs on a process of steps alone.
    pub needs_steps: bool,
}

catalogue! {
    /// Which sampler, with its settings.
    SamplerConfig of "SamplingConfig.sampler", is SamplerSettings, declares SamplerProperties;
    ancestral::Ancestral, "ancestral": "every step of the forward process back", "Ho et al. 2020, Algorithm 2",
        { order: None, is_deterministic: false, is_exact_on_a_point: true, ends_without_noise: true, needs_steps: true };
    ddim::Ddim, "ddim": "fewer steps, with any share of fresh noise", "Song, Meng & Ermon 2021, equation 12",
        { order: Some(1), is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, needs_steps: false };
    heun::Heun, "heun": "second order, by a look at the end of each step", "Karras et al. 2022, algorithm 1",
        { order: Some(2), is_deterministic: true, is_exact_on_a_point: true, ends_without_noise: true, needs_steps: false };
    sde_dpm_solver_pp_2m::SdeDpmSolverPp2m, "sde-dpm-solver++2m": "multistep, with fresh noise", "Lu et al. 2022 (DPM-Solver++), section 5",
        { order: None, is_deterministic: false, is_exact_on_a_point: true, ends_without_noise: true, needs_steps: false };
}

impl SamplerConfig {
    /// The sampler itself, before its first chain.
    pub fn sampler(&self) -> Box<dyn Sampler> {
        self.build().sampler()
    }
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Ancestral::default().into()
    }
}
