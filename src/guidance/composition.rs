//! `Composed`: several conditions at once, and without some.

use tch::Tensor;

use super::check_strength;
use crate::denoisers::{Denoised, Denoiser};
use crate::error::Result;

/// Adds up what each of several conditions changes.
///
/// ```text
/// eps = eps(x_t) + sum_i w_i ( eps(x_t, c_i) - eps(x_t) )
/// ```
/// Liu et al. 2022 (Compositional visual generation), algorithm 1: `c_1` AND `c_2` with weights above 0, NOT `c_i` with one below 0. A single
/// condition with weight `1 + w` is [classifier-free guidance](super::ClassifierFree) with `w`. Conditions with weight 0 are not called.
///
/// This is the score of `p(x) prod_i ( p(x | c_i) / p(x) )^{w_i}` at each `t`, of the noisy densities. If the conditions are about independent
/// coordinates, it is also the score of the product with noise, at all times; otherwise only at `t = 0`, and samples do not have the product's
/// density (Du et al. 2023, section 3). For Gaussians around 0 of variances `v` (without a condition) and `v_i`, the ODE ends with the variance `v
/// prod_i ( v_i / v )^{w_i}`; that of the product is `1 / ( 1 / v + sum_i w_i ( 1 / v_i - 1 / v ) )`.
///
/// ```
/// use ddpm_tutor::prelude::*;
/// let process = EdmNoise::default();
/// let zero = Tensor::zeros([2], (Kind::Double, Device::Cpu));
/// let [all, left, small] = [1.0, 0.5, 0.25].map(|v| GaussianOracle::isotropic(&process, &zero, v));
/// let composed = Composed::of(&all).and(&left, 1.0)?.not(&small, 0.5)?;
/// # Ok::<(), Error>(())
/// ```
pub struct Composed<'a> {
    unconditional: &'a dyn Denoiser,
    parts: Vec<(&'a dyn Denoiser, f64)>,
}

impl<'a> Composed<'a> {
    /// This denoiser, without any condition yet.
    pub fn of(unconditional: &'a dyn Denoiser) -> Self {
        Self { unconditional, parts: Vec::new() }
    }

    /// With a further condition.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a weight that is not finite.
    pub fn and(mut self, conditional: &'a dyn Denoiser, weight: f64) -> Result<Self> {
        self.parts.push((conditional, check_strength("weight of a condition", weight)?));
        Ok(self)
    }

    /// Without a condition: as [`and`](Self::and) with `-weight`.
    ///
    /// # Errors
    /// As [`and`](Self::and).
    pub fn not(self, conditional: &'a dyn Denoiser, weight: f64) -> Result<Self> {
        self.and(conditional, -weight)
    }
}

impl Denoiser for Composed<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        let plain = self.unconditional.denoise(x_t, t)?;
        let (mut x0, mut eps) = (plain.x0.shallow_clone(), plain.eps.shallow_clone());
        for (denoiser, weight) in self.parts.iter().filter(|(_, weight)| *weight != 0.0) {
            let part = denoiser.denoise(x_t, t)?;
            let changed = |sum: &Tensor, with: &Tensor, without: &Tensor| sum + *weight * (with - without);
            (x0, eps) = (changed(&x0, &part.x0, &plain.x0), changed(&eps, &part.eps, &plain.eps));
        }
        Ok(Denoised { x0, eps, variance_share: plain.variance_share })
    }
}
