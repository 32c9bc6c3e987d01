//! Reflow: the pairs that a flow makes of noise and data, from which the next flow learns straighter paths.

use tch::{Tensor, no_grad_guard};

use crate::denoisers::Denoiser;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::process::Process;
use crate::random::{self, Stream};
use crate::samplers::{Observer, SamplerConfig, run_chain};
use crate::sampling::draw_noise;

/// The noise `x_T` of `n` pairs. Samples with the same seed start from [other noise](draw_noise), so that the next flow is not judged by the noise
/// that it was trained on.
///
/// # Shapes
/// Returns `[n, D]` or `[n, C, H, W]`, f32.
///
/// # Errors
/// As [`draw_noise`].
pub fn draw_noise_of_pairs(model: &Model, process: &dyn Process, n: i64, seed: u64) -> Result<Tensor> {
    draw_noise(model, process, n, random::derive(seed, Stream::Pairs, 0))
}

/// The pairs of a flow: each noise `x_T` with the sample that the ODE makes of it.
///
/// ```text
/// eps ~ N(0, I),   x_0 = ODE( s(T) eps ),   rows [ x_0 | eps ]
/// ```
/// Liu et al. 2023, section 2.1. A flow that is trained on them, with a [`PairLearner`](super::PairLearner), has the same samples, and its paths
/// are straighter: the pairs of an ODE cross less than independent ones (theorems 3.5 and 3.7 there). If they do not cross at all, one Euler
/// step is exact. For Gaussian data `N(m, s^2)` the first pairs are already `x_0 = m + s eps`. What the solver gets wrong, the next flow learns,
/// so give it enough steps.
///
/// # Shapes
/// `noise`: `x_T`, `[N, …]`, as returned by [`draw_noise_of_pairs`]. Returns `[N, 2 D]` or `[N, 2 C, H, W]`.
///
/// # Errors
/// [`Error::Unsupported`] for a sampler with fresh noise; those of [`run_chain`].
pub fn reflow_pairs(
    sampler: &SamplerConfig,
    denoiser: &dyn Denoiser,
    process: &dyn Process,
    noise: Tensor,
    observer: &mut dyn Observer,
) -> Result<Tensor> {
    if !sampler.is_deterministic() {
        return Err(Error::Unsupported(format!(
            "reflow pairs each noise with its sample, and {} adds fresh noise on the way: use a sampler without it, such as heun or rk45",
            sampler.name()
        )));
    }
    let _no_grad = no_grad_guard();
    let eps = &noise / process.noise_at_end();
    let x0 = run_chain(&mut *sampler.sampler(), denoiser, process, noise, observer)?;
    Ok(Tensor::cat(&[x0, eps], 1))
}
