//! `Clipped`: a denoiser whose predicted data stays within the range of images.

use tch::Tensor;

use super::{Denoised, Denoiser};
use crate::error::Result;
use crate::process::{Level, Process};

/// Wraps another denoiser: clips the predicted data to `[-1, 1]`, and computes the noise that then remains.
///
/// ```text
/// x_0 = clip( x_0, -1, 1 )
/// eps = ( x_t - a x_0 ) / s
/// ```
/// If little signal is left, the data that a network predicts is far off, and a chain that follows it leaves the range
/// of images. From the official code of Ho et al. 2020.
pub struct Clipped<'a> {
    denoiser: &'a dyn Denoiser,
    process: &'a dyn Process,
}

impl<'a> Clipped<'a> {
    /// The same denoiser, clipped.
    pub fn new(denoiser: &'a dyn Denoiser, process: &'a dyn Process) -> Self {
        Self { denoiser, process }
    }
}

impl Denoiser for Clipped<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        let Denoised { x0, variance_share, .. } = self.denoiser.denoise(x_t, t)?;
        let clipped = Denoised::from_x0(x0.clamp(-1.0, 1.0), x_t, &Level::at(self.process, t, x_t)?);
        Ok(Denoised { variance_share, ..clipped })
    }
}
