//! Noises: other distributions of `eps` in `x_t = a(t) x_0 + s(t) eps`, and other amounts of it in each coordinate. [`WithNoise`] is a
//! process with one of them.

mod with_noise;

use std::fmt::Debug;

use tch::{Kind, Tensor};

pub use with_noise::WithNoise;

use crate::catalogue::catalogue;
use crate::error::Result;
use crate::process::{ByCoordinate, GAUSSIAN, Process};

/// A distribution of `eps`, of mean 0 and variance 1 in each number, unless it is [another data set](DataNoise).
///
/// The network still learns to predict `eps`, and `x_t` has the same mean and variance as with Gaussian noise. What follows from Gaussian
/// noise alone no longer holds: the bound of the likelihood, the score `-eps / s`, and the SDE, which Brownian motion drives.
/// [`Ancestral`](crate::samplers::Ancestral) and [`Ddim`](crate::samplers::Ddim) draw their fresh noise from the same distribution; samplers
/// without fresh noise run as they are. Nachmani, San-Roman & Wolf 2021.
pub trait Noise: Debug {
    /// Draws `eps` for samples at the times `t` of a process, from libtorch's generator.
    ///
    /// # Shapes
    /// As [`Process::draw`].
    ///
    /// # Errors
    /// [`Error::Timestep`](crate::Error::Timestep) for a time outside the process, [`Error::Shape`](crate::Error::Shape) for another number
    /// of times than samples, if the distribution depends on the time; [`Error::Torch`](crate::Error::Torch) if memory does not suffice.
    fn draw(&self, process: &dyn Process, t: &Tensor, like: &Tensor) -> Result<Tensor>;

    /// [`Process::by_coordinate`] of the process with this noise.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for samples of another shape than the noise is for.
    fn by_coordinate(&self, _process: &dyn Process, _times: &[f64], _x: &Tensor) -> Result<Option<ByCoordinate>> {
        Ok(None)
    }

    /// Whether all coordinates have the same signal and noise.
    fn is_scalar(&self) -> bool {
        true
    }

    /// The factor of the noise that sampling starts from.
    fn amount(&self) -> f64 {
        1.0
    }

    /// Rejects a process that cannot have this noise.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) with those that can.
    fn check_process(&self, _process: &dyn Process) -> Result<()> {
        Ok(())
    }

    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first invalid setting.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// The declared properties of a noise. For all noises, every number follows from the seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseProperties {
    /// The skewness `E[eps^3]` at the signal-to-noise ratio `(a / s)^2 = 250,000`; 0 if the noise is not standardized.
    pub skewness: f64,
    /// The excess kurtosis `E[eps^4] - 3` there: above 0 if the tails are heavier than those of a Gaussian; 0 if the noise is not standardized.
    pub excess_kurtosis: f64,
    /// Whether the distribution depends on the time.
    pub depends_on_time: bool,
    /// Whether all coordinates have the same signal and noise.
    pub is_scalar: bool,
    /// Whether every number has mean 0 and variance 1, and does not depend on the others.
    pub is_standardized: bool,
}

catalogue! {
    /// The noise of a process, with its settings.
    NoiseConfig of "TrainingConfig.noise", is Noise, declares NoiseProperties;
    gaussian::Gaussian, "gaussian": "standard Gaussian", "Ho et al. 2020, equation 4",
        { skewness: 0.0, excess_kurtosis: 0.0, depends_on_time: false, is_scalar: true, is_standardized: true };
    mixture::Mixture, "mixture": "two Gaussians, one on either side of 0", "Nachmani, San-Roman & Wolf 2021, section 4.1",
        { skewness: 0.0, excess_kurtosis: -0.4802, depends_on_time: false, is_scalar: true, is_standardized: true };
    gamma::Gamma, "gamma": "skewed: a Gamma distribution that becomes Gaussian as its steps add up", "Nachmani, San-Roman & Wolf 2021, section 4.2",
        { skewness: 1.0, excess_kurtosis: 1.5, depends_on_time: true, is_scalar: true, is_standardized: true };
    generalized_normal::GeneralizedNormal, "generalized-normal": "symmetric, with tails of any weight", "Deasy et al. 2021, section 3",
        { skewness: 0.0, excess_kurtosis: 3.0, depends_on_time: false, is_scalar: true, is_standardized: true };
    rates::Rates, "rates": "Gaussian, each coordinate at its own rate", "Batzolis et al. 2022, section 3",
        { skewness: 0.0, excess_kurtosis: 0.0, depends_on_time: false, is_scalar: false, is_standardized: true };
    blur::Blur, "blur": "Gaussian, and a blur that grows: soft diffusion; without noise, cold diffusion", "Hoogeboom & Salimans 2022, section 4",
        { skewness: 0.0, excess_kurtosis: 0.0, depends_on_time: false, is_scalar: false, is_standardized: true };
    data::DataNoise, "data": "samples of another data set, to which a flow leads", "Liu et al. 2023, section 2.1",
        { skewness: 0.0, excess_kurtosis: 0.0, depends_on_time: false, is_scalar: true, is_standardized: false };
}

impl Default for NoiseConfig {
    fn default() -> Self {
        Gaussian.into()
    }
}

impl NoiseConfig {
    /// The process with this noise; the process itself if the noise is Gaussian.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for invalid settings.
    pub fn of(&self, process: Box<dyn Process>) -> Result<Box<dyn Process>> {
        let noise = self.build();
        noise.validate()?;
        noise.check_process(&*process)?;
        Ok(if self.name() == GAUSSIAN { process } else { Box::new(WithNoise::new(process, noise, self.name())) })
    }
}

/// Numbers from the Gamma distribution of these shapes and scale 1, in f64: in f32, its large values would be too coarse.
fn standard_gamma(shapes: &Tensor, like: &Tensor) -> Result<Tensor> {
    let shapes = shapes.to_kind(Kind::Double).to_device(like.device());
    Ok(shapes.f_expand(like.size(), false)?.f_internal_standard_gamma()?)
}

/// `-1` or `1`, with equal probabilities.
fn signs(like: &Tensor) -> Result<Tensor> {
    let of_half = like.f_rand_like()?.lt(0.5).to_kind(like.kind());
    Ok(of_half * 2.0 - 1.0)
}
