//! `generate_samples`: from noise to data with a trained model.

use tch::{Device, Kind, Tensor};

use crate::denoisers::{Clipped, Denoiser};
use crate::error::{Error, Result};
use crate::guidance::ClassifierFree;
use crate::model::Model;
use crate::networks::{Given, Network, threads_for};
use crate::out_of_memory;
use crate::process::Process;
use crate::random::{self, Stream};
use crate::samplers::{Chain, Observer, Sampler, walk};

/// Draws `n` samples with the model's [sampling configuration](Model::sampling), and passes every state to `observer`.
///
/// ```text
/// x_T ~ N(0, I)
/// for t = T, …, 1
///     z ~ N(0, I) if t > 1, else z = 0
///     x_{t-1} = 1 / sqrt(alpha_t) ( x_t - beta_t / sqrt(1 - alpha_bar_t) eps_theta(x_t, t) ) + sigma_t z
/// return x_0
/// ```
/// Ho et al. 2020, Algorithm 2, if the sampler is [`Ancestral`](crate::samplers::Ancestral). The same seed draws the
/// same samples on the same device. If the observer ends the chain early, the samples are the `x_t` of that step.
///
/// # Shapes
/// Returns `[n, D]` points or `[n, C, H, W]` images.
///
/// # Errors
/// [`Error::Config`] for `n < 1`; errors of the sampler, the network and the observer.
pub fn generate_samples(
    model: &Model,
    process: &dyn Process,
    n: i64,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Tensor> {
    let mut sampler = model.sampling().sampler.sampler();
    generate_samples_with(&mut *sampler, model, process, n, seed, observer)
}

/// As [`generate_samples`], with another sampler.
///
/// # Errors
/// As [`generate_samples`].
pub fn generate_samples_with(
    sampler: &mut dyn Sampler,
    model: &Model,
    process: &dyn Process,
    n: i64,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Tensor> {
    let _threads = threads_for(model);
    let noise = draw_noise(model, process, n, seed)?;
    let clips = model.sampling().clip_denoised;
    generate_samples_by(sampler, &model.denoiser(process), clips, process, noise, seed, observer)
}

/// As [`generate_samples`], with a label for each sample, for a model that takes labels.
///
/// `guidance` is the scale `w` of [`ClassifierFree`]: 0 gives the classes as the model has learned them; above 0, samples
/// are more typical of their class and less varied, at the cost of two network passes per step; -1 ignores the labels. Ho
/// & Salimans 2022, Algorithm 2.
///
/// # Shapes
/// `labels`: `[n]` int64, in `0..model.classes()`, or `model.classes()` itself for no class. Returns `[n, D]` points or
/// `[n, C, H, W]` images.
///
/// # Errors
/// [`Error::Unsupported`] for a model that takes no labels; [`Error::Config`] for an invalid label, for no labels and
/// for a guidance that is not finite; those of [`generate_samples`].
pub fn generate_samples_of_classes(
    model: &Model,
    process: &dyn Process,
    labels: &Tensor,
    guidance: f64,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Tensor> {
    let _threads = threads_for(model);
    let conditional = model.denoiser_given(process, Given::label(labels.shallow_clone()))?;
    let unconditional = model.denoiser(process);
    let guided = ClassifierFree::new(&conditional, &unconditional, guidance)?;
    let noise = draw_noise(model, process, labels.size()[0], seed)?;
    let (mut sampler, clips) = (model.sampling().sampler.sampler(), model.sampling().clip_denoised);
    generate_samples_by(&mut *sampler, &guided, clips, process, noise, seed, observer)
}

/// As [`generate_samples_with`], with any denoiser instead of a model. `clips`: whether the predicted data is
/// [clipped](Clipped). `noise`: `x_T`. `seed`: the seed that it was drawn from, for the observer.
///
/// # Shapes
/// `noise` and the samples: `[n, …]`, in f32 or f64.
///
/// # Errors
/// Errors of the sampler, the denoiser and the observer.
pub fn generate_samples_by(
    sampler: &mut dyn Sampler,
    denoiser: &dyn Denoiser,
    clips: bool,
    process: &dyn Process,
    noise: Tensor,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Tensor> {
    let clipped = Clipped::new(denoiser, process);
    let seen = if clips { &clipped } else { denoiser };
    let samples = walk(Chain::new(sampler, seen, process, noise)?, observer)?;
    observer.end(Some(seed))?;
    Ok(samples)
}

/// Rejects samples that are far outside the range of any data, as those of a solver that has diverged: further from 0 than 100, and than a network
/// takes them that predicts no noise at all, `x_T / a(T)` with ten times the standard deviation.
///
/// # Errors
/// [`Error::SamplesFarOut`] with the largest number; [`Error::Shape`] for samples of another shape than the process is for.
pub fn require_in_range(samples: &Tensor, process: &dyn Process) -> Result<()> {
    let (end, largest) = (process.end(), samples.abs().max().double_value(&[]));
    let noise_to_signal = match process.by_coordinate(&[end], samples)? {
        Some(by_coordinate) => by_coordinate.largest(|a, s| s / a),
        None => process.noise(end) / process.signal(end),
    };
    let limit = (10.0 * noise_to_signal).clamp(100.0, 1e6);
    if largest <= limit { Ok(()) } else { Err(Error::SamplesFarOut { largest }) }
}

/// The noise `x_T` from which `n` samples of a model start.
///
/// # Shapes
/// Returns `[n, D]` or `[n, C, H, W]`, f32.
///
/// # Errors
/// As [`draw_noise_of`].
pub fn draw_noise(model: &Model, process: &dyn Process, n: i64, seed: u64) -> Result<Tensor> {
    draw_noise_of(&model.sample_shape(), model.device(), process, n, seed)
}

/// The noise `x_T` from which `n` samples of this shape start: the [noise](Process::draw) of the process, which follows from
/// the seed, with the standard deviation at which the process [ends](Process::noise_at_end). It leaves libtorch's generator ready for the
/// noise of the steps.
///
/// # Shapes
/// Returns `[n, …]`, f32.
///
/// # Errors
/// [`Error::Config`] for `n < 1`, and for more samples than fit into memory.
pub fn draw_noise_of(sample_shape: &[i64], device: Device, process: &dyn Process, n: i64, seed: u64) -> Result<Tensor> {
    if n < 1 {
        return Err(Error::config("number of samples", "at least 1", n));
    }
    random::seed_libtorch(random::derive(seed, Stream::Sampling, 0));
    let shape = [&[n], sample_shape].concat();
    out_of_memory::require_room(&shape, device)?;
    let like = Tensor::f_empty(&shape[..], (Kind::Float, device))?;
    let noise = process.draw(&Tensor::from(process.end()), &like)?;
    Ok(if process.noise_at_end() == 1.0 { noise } else { noise * process.noise_at_end() })
}
