//! `autoguided`: guidance by a worse version of the same model.

use super::ClassifierFree;
use crate::denoisers::Denoiser;
use crate::error::Result;

/// Guides a denoiser away from a worse version of itself: smaller, trained for less time, or on data with noise in it, but with the same
/// condition.
///
/// ```text
/// eps = ( 1 + w ) eps_good(x_t, c) - w eps_bad(x_t, c)
/// ```
/// Karras et al. 2024 (Guiding a diffusion model with a bad version of itself), section 4; their weight is `1 + w`. Both make the same kind of error,
/// the worse one more of it: where they differ, the better one is moved on in the direction in which it is better. Unlike [guidance by a
/// condition](ClassifierFree), this does not push samples away from other classes, so that they stay varied.
///
/// If the data has the variance `v`, and the two have learned `v r` and `v r^2` (a Gaussian that is too wide by `r`, and twice so), then `w = 1`
/// gives exactly `v`.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a `w` that is not finite.
pub fn autoguided<'a>(good: &'a dyn Denoiser, bad: &'a dyn Denoiser, w: f64) -> Result<ClassifierFree<'a>> {
    ClassifierFree::new(good, bad, w)
}
