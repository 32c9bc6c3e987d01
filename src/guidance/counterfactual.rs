//! `counterfactual`: what a sample would be with another condition.

use std::ops::ControlFlow;

use tch::Tensor;

use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;
use crate::samplers::{ChainState, Observer, Sampler, encode, run_chain};

/// A sample with another condition, and the noise that both share.
#[derive(Debug)]
pub struct Counterfactual {
    /// `x_T`, the code of the sample that was given, `[N, …]`.
    pub code: Tensor,
    /// What the other denoiser draws from it, `[N, …]`.
    pub sample: Tensor,
}

/// Encodes the samples `x_0` with the denoiser `of`, and goes back from their code with the denoiser `with`, which is guided by another condition.
/// What the code holds stays: the pose, the background. With the same denoiser it returns the samples, up to the error of the sampler.
///
/// ```text
/// x_T = encode( x_0; eps_of ),   x_0' = decode( x_T; eps_with )
/// ```
/// Sanchez & Tsaftaris 2022 (Diffusion causal models), algorithm 1. The sampler has to be deterministic. From one Gaussian to another, `N(m, s^2)` to
/// `N(m', s'^2)`, it is the optimal transport, `m' + s' / s ( x - m )`, if the process ends without signal.
///
/// `observer` sees the way back.
///
/// # Shapes
/// `x_0`: `[N, …]`, in f32 or f64, like the result.
///
/// # Errors
/// As [`run_chain`]; [`Error::Timestep`](crate::Error::Timestep) for a sampler with fresh noise.
pub fn counterfactual(
    sampler: &mut dyn Sampler,
    of: &dyn Denoiser,
    with: &dyn Denoiser,
    process: &dyn Process,
    x_0: Tensor,
    observer: &mut dyn Observer,
) -> Result<Counterfactual> {
    let code = encode(sampler, of, process, x_0, &mut |_: &ChainState| ControlFlow::Continue(()))?;
    let sample = run_chain(sampler, with, process, code.shallow_clone(), observer)?;
    Ok(Counterfactual { code, sample })
}
