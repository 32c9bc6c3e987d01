//! `Guided`: classifier-free guidance, which combines a denoiser that knows the class with one that does not.

use tch::Tensor;

use super::{Denoised, Denoiser};
use crate::error::{Error, Result};

/// Combines two denoisers of the same process, one with a condition `c` and one without: the difference between them is
/// multiplied by `w`.
///
/// ```text
/// eps = eps(x_t) + w ( eps(x_t, c) - eps(x_t) )
/// x_0 = x_0(x_t) + w ( x_0(x_t, c) - x_0(x_t) )
/// ```
/// Ho & Salimans 2022, equation 6, whose `w` starts from the conditional model and is `w - 1` here. `w = 1` gives the
/// denoiser with the condition, `w = 0` the one without; above 1, samples are more typical of their class and less
/// varied. The factors `w` and `1 - w` add up to 1, so `x_t = a x_0 + s eps` holds as for each of the two.
///
/// The variance of the reverse step, if the network predicts it, is that of the denoiser with the condition.
pub struct Guided<'a> {
    conditional: &'a dyn Denoiser,
    unconditional: &'a dyn Denoiser,
    scale: f64,
}

impl<'a> Guided<'a> {
    /// Combines the two with the scale `w`.
    ///
    /// # Errors
    /// [`Error::Config`] for a scale that is not finite.
    pub fn new(conditional: &'a dyn Denoiser, unconditional: &'a dyn Denoiser, scale: f64) -> Result<Self> {
        if !scale.is_finite() {
            return Err(Error::config("guidance", "a finite number, such as 1 (none) or 2", scale));
        }
        Ok(Self { conditional, unconditional, scale })
    }
}

impl Denoiser for Guided<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        // A denoiser with factor 0 is not called, which halves the work.
        if self.scale == 1.0 {
            return self.conditional.denoise(x_t, t);
        }
        if self.scale == 0.0 {
            return self.unconditional.denoise(x_t, t);
        }
        let (with, without) = (self.conditional.denoise(x_t, t)?, self.unconditional.denoise(x_t, t)?);
        let guided = |with: Tensor, without: Tensor| &without + self.scale * (with - &without);
        let (x0, eps) = (guided(with.x0, without.x0), guided(with.eps, without.eps));
        Ok(Denoised { x0, eps, variance_share: with.variance_share })
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::denoisers::MixtureOracle;
    use crate::process::{ConstantsManager, Process};

    const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

    fn furthest(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    /// Two Gaussians, the second of which is the class: all scores are known.
    #[test]
    fn the_noise_is_the_score_of_the_sharpened_density() {
        let constants = ConstantsManager::from_betas(&[0.1, 0.3, 0.5], 1, Device::Cpu).unwrap();
        let means = Tensor::from_slice(&[-0.6, 0.1, 0.6, -0.3]).view([2, 2]);
        let all = MixtureOracle::of_gaussians(&constants, &means, &[0.2, 0.1], &[1.0, 3.0]).unwrap();
        let class = all.component(1).unwrap();
        let x = Tensor::randn([9, 2], DOUBLE).set_requires_grad(true);
        for (w, t) in [(-0.5, 1.0), (0.0, 2.0), (0.3, 3.0), (1.0, 1.0), (2.0, 2.5), (7.5, 3.0)] {
            let (a, s) = (constants.signal(t), constants.noise(t));
            // log p(x) + w ( log p(x | c) - log p(x) ), whose gradient is -eps / s: Ho & Salimans 2022, section 3.2.
            let log_density = |k: i64, weight: f64, variance: f64| {
                let variance = a * a * variance + s * s;
                let squares: Tensor =
                    (&x - a * means.get(k)).square().sum_dim_intlist([-1].as_slice(), false, Kind::Double);
                weight.ln() - squares / (2.0 * variance) - variance.ln()
            };
            let (first, second) = (log_density(0, 0.25, 0.2), log_density(1, 0.75, 0.1));
            let of_all = Tensor::stack(&[&first, &second], 0).logsumexp([0].as_slice(), false);
            let guided: Tensor = &of_all + w * (second - &of_all);
            let score = Tensor::run_backward(&[guided.sum(Kind::Double)], &[&x], false, false).remove(0);
            let found = Guided::new(&class, &all, w).unwrap().denoise(&x.detach(), t).unwrap();
            assert!(furthest(&found.eps, &(-s * score)) < 1e-9, "w = {w}, t = {t}");
            assert!(furthest(&(a * &found.x0 + s * &found.eps), &x.detach()) < 1e-12, "w = {w}, t = {t}");
        }
    }

    #[test]
    fn with_a_scale_of_1_or_0_only_one_of_the_two_is_called() {
        struct Constant(Option<f64>);
        impl Denoiser for Constant {
            fn denoise(&self, x_t: &Tensor, _t: f64) -> Result<Denoised> {
                let value = self.0.ok_or_else(|| Error::Unsupported("must not be called".to_owned()))?;
                Ok(Denoised { x0: x_t * value, eps: x_t * -value, variance_share: Some(x_t * value) })
            }
        }
        let x_t = Tensor::from_slice(&[1.0_f32, -2.0]).view([1, 2]);
        let x0 = |with: Option<f64>, without: Option<f64>, w: f64| {
            let (with, without) = (Constant(with), Constant(without));
            Guided::new(&with, &without, w).and_then(|guided| guided.denoise(&x_t, 1.0))
        };
        assert_eq!(x0(Some(3.0), None, 1.0).unwrap().x0, &x_t * 3.0);
        assert_eq!(x0(None, Some(5.0), 0.0).unwrap().x0, &x_t * 5.0);
        let guided = x0(Some(3.0), Some(5.0), 2.0).unwrap();
        assert_eq!((guided.x0, guided.eps), (&x_t * 1.0, &x_t * -1.0));
        assert_eq!(guided.variance_share, Some(&x_t * 3.0));
        assert!(x0(Some(3.0), Some(5.0), f64::NAN).unwrap_err().to_string().starts_with("guidance: expected"));
    }
}
