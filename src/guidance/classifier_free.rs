//! `ClassifierFree`: classifier-free guidance, which moves away from what a denoiser without the condition predicts.

use tch::Tensor;

use super::check_strength;
use super::rescale::{check_share, rescaled};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::Result;
use crate::process::{Level, Process};

/// Extrapolates from a denoiser without a condition through one with it.
///
/// ```text
/// eps = ( 1 + w ) eps(x_t, c) - w eps(x_t)
/// x_0 = ( 1 + w ) x_0(x_t, c) - w x_0(x_t)
/// ```
/// Ho & Salimans 2022, equation 6. `w = 0` gives the denoiser with the condition, `w = -1` the one without; above 0, samples are more typical of
/// their condition and less varied. Other programs, such as diffusers, count from the denoiser without the condition: their scale is `1 + w`.
/// The factors add up to 1, so `x_t = a x_0 + s eps` holds as for each of the two.
///
/// The guided score at `t = 0` is that of `p(x | c)^(1 + w) / p(x)^w`, but samples do not have this density: at other times, the guided score is not
/// that of the same density with noise. For data `N(m, s^2)` with the condition and `N(0, S^2)` without, the ODE ends with the variance
/// `s^2 ( s^2 / S^2 )^w`.
///
/// **Negative prompts**: in place of the denoiser without a condition, one with an unwanted condition.
///
/// The variance of the reverse step, if the network predicts it, is that of the denoiser with the condition.
pub struct ClassifierFree<'a> {
    conditional: &'a dyn Denoiser,
    unconditional: &'a dyn Denoiser,
    scale: f64,
    rescale: Option<(&'a dyn Process, f64)>,
}

impl<'a> ClassifierFree<'a> {
    /// Combines the two, which have the same process, with the scale `w`.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a scale that is not finite.
    pub fn new(conditional: &'a dyn Denoiser, unconditional: &'a dyn Denoiser, scale: f64) -> Result<Self> {
        Ok(Self { conditional, unconditional, scale: check_strength("guidance", scale)?, rescale: None })
    }

    /// The same guidance, with predicted data that has the contrast of the denoiser with the condition: see [`rescaled`]. `share`, `phi`: 0 changes
    /// nothing, 1 all of the contrast.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a share outside `[0, 1]`.
    pub fn with_rescale(self, process: &'a dyn Process, share: f64) -> Result<Self> {
        Ok(Self { rescale: Some((process, check_share(share)?)).filter(|(_, share)| *share != 0.0), ..self })
    }
}

impl Denoiser for ClassifierFree<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        // A denoiser with factor 0 is not called, which halves the work.
        if self.scale == 0.0 {
            return self.conditional.denoise(x_t, t);
        }
        if self.scale == -1.0 {
            return self.unconditional.denoise(x_t, t);
        }
        let (with, without) = (self.conditional.denoise(x_t, t)?, self.unconditional.denoise(x_t, t)?);
        let guided = |with: &Tensor, without: &Tensor| with + self.scale * (with - without);
        let x0 = guided(&with.x0, &without.x0);
        let variance_share = with.variance_share;
        match self.rescale {
            Some((process, share)) => {
                let rescaled = rescaled(&x0, &with.x0, share)?;
                let denoised = Denoised::from_x0(rescaled, x_t, &Level::at(process, t, x_t)?);
                Ok(Denoised { variance_share, ..denoised })
            }
            None => Ok(Denoised { x0, eps: guided(&with.eps, &without.eps), variance_share }),
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::denoisers::MixtureOracle;
    use crate::error::Error;
    use crate::process::ConstantsManager;

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
        for (w, t) in [(-1.5, 1.0), (-1.0, 2.0), (-0.7, 3.0), (0.0, 1.0), (1.0, 2.5), (6.5, 3.0)] {
            let (a, s) = (constants.signal(t), constants.noise(t));
            // log p(x | c) + w ( log p(x | c) - log p(x) ), whose gradient is -eps / s: Ho & Salimans 2022, section 3.2.
            let log_density = |k: i64, weight: f64, variance: f64| {
                let variance = a * a * variance + s * s;
                let squares: Tensor =
                    (&x - a * means.get(k)).square().sum_dim_intlist([-1].as_slice(), false, Kind::Double);
                weight.ln() - squares / (2.0 * variance) - variance.ln()
            };
            let (first, second) = (log_density(0, 0.25, 0.2), log_density(1, 0.75, 0.1));
            let of_all = Tensor::stack(&[&first, &second], 0).logsumexp([0].as_slice(), false);
            let guided: Tensor = (1.0 + w) * &second - w * &of_all;
            let score = Tensor::run_backward(&[guided.sum(Kind::Double)], &[&x], false, false).remove(0);
            let found = ClassifierFree::new(&class, &all, w).unwrap().denoise(&x.detach(), t).unwrap();
            assert!(furthest(&found.eps, &(-s * score)) < 1e-9, "w = {w}, t = {t}");
            assert!(furthest(&(a * &found.x0 + s * &found.eps), &x.detach()) < 1e-12, "w = {w}, t = {t}");
        }
    }

    #[test]
    fn with_a_scale_of_0_or_minus_1_only_one_of_the_two_is_called() {
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
            ClassifierFree::new(&with, &without, w).and_then(|guided| guided.denoise(&x_t, 1.0))
        };
        assert_eq!(x0(Some(3.0), None, 0.0).unwrap().x0, &x_t * 3.0);
        assert_eq!(x0(None, Some(5.0), -1.0).unwrap().x0, &x_t * 5.0);
        let guided = x0(Some(3.0), Some(5.0), 1.0).unwrap();
        assert_eq!((guided.x0, guided.eps), (&x_t * 1.0, &x_t * -1.0));
        assert_eq!(guided.variance_share, Some(&x_t * 3.0));
        assert!(x0(Some(3.0), Some(5.0), f64::NAN).unwrap_err().to_string().starts_with("guidance: expected"));
    }
}
