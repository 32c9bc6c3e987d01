//! Bridges: stochastic processes from one distribution to another.
//!
//! Stochastic interpolants join samples of both ends, with noise in between, and learn the flow or the SDE with the same distribution at each
//! time: flows and diffusions are special cases. A Schrödinger bridge is the most likely way from one end to the other.

mod brownian_chain;
mod ends;
mod energy_guided;
mod field;
mod gaussian_ends;
mod ipf;
mod learner;
mod sampler;
mod steps;

use std::fmt::Debug;

pub use brownian_chain::{BridgePosterior, brownian_bridge_chain};
pub use ends::{JoinedEnds, join};
pub use energy_guided::{EnergyGuided, low_pass_energy};
pub use field::{InterpolantField, Means, NetworkField};
pub use gaussian_ends::GaussianEnds;
pub use ipf::{Ipf, Reference, StepPairs, Steps};
pub use learner::InterpolantLearner;
pub use sampler::{BridgeSampler, Diffusion};
pub use steps::{LinearSteps, NetworkSteps};

use crate::catalogue::catalogue;
use crate::error::Result;

/// How two samples are joined: a path from `x_0` at `t = 0` to `x_1` at `t = 1`, with noise between the ends.
///
/// ```text
/// x_t = alpha(t) x_0 + beta(t) x_1 + gamma(t) z,   z ~ N(0, I)
/// alpha(0) = beta(1) = 1,   alpha(1) = beta(0) = gamma(0) = gamma(1) = 0
/// ```
/// Albergo, Boffi & Vanden-Eijnden 2023, definition 2.1. If `x_1` is noise and `gamma = 0`, it is a diffusion: signal `alpha`, noise `beta`.
pub trait Interpolant: Debug {
    /// The factors at the time `t`, from 0 to 1.
    fn mix(&self, t: f64) -> Mix;

    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first invalid setting.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// The factors of an interpolant at one time, with their slopes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mix {
    /// The factor of `x_0`.
    pub alpha: f64,
    /// The factor of `x_1`.
    pub beta: f64,
    /// The factor of `z`.
    pub gamma: f64,
    /// `alpha'(t)`
    pub alpha_slope: f64,
    /// `beta'(t)`
    pub beta_slope: f64,
    /// `gamma gamma' = ( gamma^2 )' / 2`, which is finite at the ends, where `gamma'` is not.
    pub gamma_slope_product: f64,
}

/// The declared properties of an interpolant with its default settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InterpolantProperties {
    /// The variance in the middle, `t = 1/2`, for independent ends of variance 1.
    pub variance_in_the_middle: f64,
    /// Whether there is noise between the ends.
    pub has_noise: bool,
    /// Whether anything of the ends is left in the middle.
    pub keeps_the_ends: bool,
}

catalogue! {
    /// An interpolant with its settings.
    InterpolantConfig of "interpolant", is Interpolant, declares InterpolantProperties;
    linear::LinearInterpolant, "linear": "a straight line", "Albergo et al. 2023, section 4.1",
        { variance_in_the_middle: 0.5, has_noise: false, keeps_the_ends: true };
    trigonometric::TrigonometricInterpolant, "trigonometric": "a quarter of a circle, which preserves the variance", "Albergo et al. 2023, section 4.1",
        { variance_in_the_middle: 1.0, has_noise: false, keeps_the_ends: true };
    brownian::BrownianBridge, "brownian": "a Brownian bridge", "Li et al. 2023 (BBDM), equation 3",
        { variance_in_the_middle: 1.0, has_noise: true, keeps_the_ends: true };
    encoder_decoder::EncoderDecoder, "encoder-decoder": "from one end to pure noise, and from there to the other", "Albergo et al. 2023, section 4.1",
        { variance_in_the_middle: 1.0, has_noise: true, keeps_the_ends: false };
}

impl Default for InterpolantConfig {
    fn default() -> Self {
        LinearInterpolant::default().into()
    }
}
