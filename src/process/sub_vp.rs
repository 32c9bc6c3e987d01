//! `SubVp`: like the variance-preserving process, but with less noise.

use serde::{Deserialize, Serialize};

use super::{Process, ProcessSettings, Vp};
use crate::error::Result;

/// The sub-VP process: the signal of [`Vp`], with a smaller noise variance at all times; `t` runs from 0 to 1.
///
/// ```text
/// a(t) = exp( - B(t) / 2 ),   s(t) = 1 - exp( - B(t) )
/// ```
/// Song et al. 2021, section 3.4 and equation 29.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubVp {
    /// The process with the same signal.
    pub vp: Vp,
}

impl Process for SubVp {
    fn signal(&self, t: f64) -> f64 {
        self.vp.signal(t)
    }

    fn noise(&self, t: f64) -> f64 {
        -(-self.vp.integrated_beta(t)).exp_m1()
    }

    fn end(&self) -> f64 {
        self.vp.end()
    }

    fn steps(&self) -> Option<usize> {
        None
    }

    fn drift(&self, t: f64) -> f64 {
        self.vp.drift(t)
    }

    /// `sqrt( beta(t) ( 1 - exp( - 2 B(t) ) ) )`: Song et al. 2021, equation 12.
    fn diffusion(&self, t: f64) -> f64 {
        (-self.vp.beta(t) * (-2.0 * self.vp.integrated_beta(t)).exp_m1()).sqrt()
    }

    fn signal_slope(&self, t: f64) -> f64 {
        self.vp.signal_slope(t)
    }

    fn noise_slope(&self, t: f64) -> f64 {
        self.vp.beta(t) * (-self.vp.integrated_beta(t)).exp()
    }
}

impl ProcessSettings for SubVp {
    fn process(&self) -> Result<Box<dyn Process>> {
        self.vp.validate()?;
        Ok(Box::new(self.clone()))
    }
}
