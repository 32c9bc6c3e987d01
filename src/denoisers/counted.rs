//! `Counted`: a denoiser that counts how often it is called.

use std::cell::Cell;

use tch::Tensor;

use super::{Denoised, Denoiser};
use crate::error::Result;

/// Wraps another denoiser, and counts its calls: the cost of a chain, since a sampler's own arithmetic is small beside the network's.
pub struct Counted<'a> {
    denoiser: &'a dyn Denoiser,
    calls: Cell<u64>,
}

impl<'a> Counted<'a> {
    /// This denoiser, which has not been called yet.
    pub fn new(denoiser: &'a dyn Denoiser) -> Self {
        Self { denoiser, calls: Cell::new(0) }
    }

    /// How often it was called.
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }
}

impl Denoiser for Counted<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        self.calls.set(self.calls.get() + 1);
        self.denoiser.denoise(x_t, t)
    }
}
