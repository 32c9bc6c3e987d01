//! Where a chain begins and where it ends: noise from a file, data to encode, fewer steps at either end.

use std::path::{Path, PathBuf};

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};

use crate::npy::read_samples;

#[derive(Args)]
pub struct ChainOptions {
    /// Start from this x_T (.npy, one sample per row) instead of noise from the seed; its standard deviation should be that of
    /// the noise at the end of the process (1, for edm sigma_max)
    #[arg(long, value_name = "FILE", conflicts_with = "n")]
    start: Option<PathBuf>,
    /// With --start: the time of these samples, if they are not pure noise (truncation)
    #[arg(long, value_name = "TIME", requires = "start")]
    start_time: Option<f64>,
    /// Go the other way: from these samples (.npy, one per row, in the range of the model) to the noise that a deterministic sampler
    /// draws them from
    #[arg(long, value_name = "FILE", conflicts_with_all = ["n", "start", "denoise_from", "nearest"])]
    encode: Option<PathBuf>,
    /// Replace the steps below this time by a single one, which only removes noise
    #[arg(long, value_name = "TIME")]
    denoise_from: Option<f64>,
}

/// What a chain begins with.
pub enum Begin {
    /// `x_T`, or `x_t` of a truncated chain.
    Noise(Tensor),
    /// `x_0`, to be encoded.
    Data(Tensor),
}

impl Begin {
    /// How many samples there are.
    pub fn rows(&self) -> i64 {
        let (Self::Noise(x) | Self::Data(x)) = self;
        x.size()[0]
    }
}

impl ChainOptions {
    /// The samples in the file to begin with, if there is one, f32, on this device.
    ///
    /// # Errors
    /// [`Error::Path`] for other data than samples of this shape.
    pub fn begin(&self, sample_shape: &[i64], device: Device) -> Result<Option<Begin>> {
        Ok(match (&self.start, &self.encode) {
            (Some(path), _) => Some(Begin::Noise(read(path, sample_shape)?.to_device(device))),
            (_, Some(path)) => Some(Begin::Data(read(path, sample_shape)?.to_device(device))),
            _ => None,
        })
    }

    /// The sampler with the part of its chain that was asked for.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for data to encode and a sampler with fresh noise.
    pub fn sampler(&self, config: &SamplerConfig) -> Result<Box<dyn Sampler>> {
        if self.encode.is_some() && !config.is_deterministic() {
            let name = config.name();
            let problem = format!(
                "--encode needs a sampler without fresh noise, such as ddim with --eta 0 or heun, and {name} adds noise: its samples have no code"
            );
            return Err(Error::Unsupported(problem));
        }
        let mut sampler = config.sampler();
        if let Some(last) = self.denoise_from {
            sampler = Box::new(DenoisedFrom::new(sampler, last));
        }
        if let Some(start) = self.start_time {
            sampler = Box::new(Truncated::new(sampler, start));
        }
        Ok(sampler)
    }

    /// Whether samples are encoded.
    pub fn encodes(&self) -> bool {
        self.encode.is_some()
    }

    /// The times of the chain, from its first to its last.
    ///
    /// # Errors
    /// Those of the sampler.
    pub fn times(&self, sampler: &mut dyn Sampler, process: &dyn Process) -> Result<Vec<f64>> {
        let mut times = sampler.times(process)?;
        if self.encode.is_some() {
            times.reverse();
        }
        Ok(times)
    }
}

/// Samples of this shape from a file, f32.
///
/// # Errors
/// [`Error::Path`] for anything else.
pub fn read(path: &Path, sample_shape: &[i64]) -> Result<Tensor> {
    let x = read_samples(path)?.to_kind(Kind::Float);
    let problem = match x.size().split_first() {
        Some((n, shape)) if *n > 0 && shape == sample_shape => match bool::try_from(x.isfinite().all())? {
            true => return Ok(x),
            false => "it contains numbers that are not finite".to_owned(),
        },
        _ => {
            format!("expected samples of shape {sample_shape:?}, one per row, got an array of shape {:?}", x.size())
        }
    };
    Err(Error::Path { path: path.to_owned(), problem })
}

/// The samples of a chain, or their code. `seed`: the seed of the noise, for the observer.
pub fn run_from(
    begin: Begin,
    sampler: &mut dyn Sampler,
    denoiser: &dyn Denoiser,
    clips: bool,
    process: &dyn Process,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Tensor> {
    match begin {
        Begin::Noise(x_t) => generate_samples_by(sampler, denoiser, clips, process, x_t, seed, observer),
        Begin::Data(x_0) => {
            let clipped = Clipped::new(denoiser, process);
            let seen = if clips { &clipped } else { denoiser };
            encode(sampler, seen, process, x_0, observer)
        }
    }
}
