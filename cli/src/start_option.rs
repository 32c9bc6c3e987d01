//! `--start`: the noise that sampling starts from, from a file.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};

use crate::npy::read_samples;

#[derive(Args)]
pub struct StartOption {
    /// Start from this x_T (.npy, one sample per row) instead of noise from the seed; its standard deviation should be that of
    /// the noise at the end of the process (1, for edm sigma_max)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["n", "label"])]
    start: Option<PathBuf>,
}

impl StartOption {
    /// The samples in the file, if there is one, f32.
    ///
    /// # Errors
    /// [`Error::Path`] for other data than samples of this shape.
    pub fn read(&self, sample_shape: &[i64]) -> Result<Option<Tensor>> {
        let Some(path) = &self.start else { return Ok(None) };
        let x_t = read_samples(path)?.to_kind(Kind::Float);
        let problem = match x_t.size().split_first() {
            Some((n, shape)) if *n > 0 && shape == sample_shape => match bool::try_from(x_t.isfinite().all())? {
                true => return Ok(Some(x_t)),
                false => "it contains numbers that are not finite".to_owned(),
            },
            _ => format!(
                "expected samples of shape {sample_shape:?}, one per row, got an array of shape {:?}",
                x_t.size()
            ),
        };
        Err(Error::Path { path: path.clone(), problem })
    }
}

/// How many times guidance calls the network instead of once: with the class and without it, unless one of the two has no weight.
pub fn calls_of_guidance(scale: Option<f64>) -> u64 {
    if scale.is_some_and(|scale| scale != 0.0 && scale != 1.0) { 2 } else { 1 }
}
