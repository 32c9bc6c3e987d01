//! `Thresholded`: predicted data that guidance made too bright is scaled back into the range of images.

use tch::{Kind, Tensor};

use crate::denoisers::{Denoised, Denoiser};
use crate::error::{Result, require};
use crate::process::{Level, Process};

/// Dynamic thresholding: clips the predicted data of each sample at a quantile of its absolute values, and divides by that.
///
/// ```text
/// r   = max( 1, quantile( | x_0 |, p ) )
/// x_0 = clip( x_0, -r, r ) / r
/// eps = ( x_t - a x_0 ) / s
/// ```
/// Saharia et al. 2022 (Imagen), section 2.3. Data within `[-1, 1]` stays as it is. [`Clipped`](crate::denoisers::Clipped) has `r = 1`: with strong
/// guidance many pixels would then end at the same value.
pub struct Thresholded<'a> {
    denoiser: &'a dyn Denoiser,
    process: &'a dyn Process,
    quantile: f64,
}

impl<'a> Thresholded<'a> {
    /// The same denoiser with thresholds at this quantile, `p`, such as 0.995; 1 for the largest value.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a quantile outside `(0, 1]`.
    pub fn new(denoiser: &'a dyn Denoiser, process: &'a dyn Process, quantile: f64) -> Result<Self> {
        require(quantile > 0.0 && quantile <= 1.0, "quantile of a threshold", "in (0, 1]", quantile)?;
        Ok(Self { denoiser, process, quantile })
    }
}

impl Denoiser for Thresholded<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        let known = self.denoiser.denoise(x_t, t)?;
        let size = known.x0.flatten(1, -1).abs();
        let threshold = size.quantile_scalar(self.quantile, 1, true, "linear").clamp_min(1.0);
        if size.max().double_value(&[]) <= 1.0 {
            return Ok(known);
        }
        let mut shape = vec![1; x_t.dim()];
        shape[0] = -1;
        let threshold = threshold.view(&shape[..]).to_kind(Kind::Double).to_kind(x_t.kind());
        let x0 = known.x0.minimum(&threshold).maximum(&threshold.neg()) / threshold;
        let thresholded = Denoised::from_x0(x0, x_t, &Level::at(self.process, t, x_t)?);
        Ok(Denoised { variance_share: known.variance_share, ..thresholded })
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::process::Flow;

    struct Predicts(Tensor);

    impl Denoiser for Predicts {
        fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
            Ok(Denoised::from_x0(self.0.shallow_clone(), x_t, &Level::at(&Flow, t, x_t)?))
        }
    }

    #[test]
    fn the_quantile_of_each_sample_becomes_the_end_of_the_range() {
        let data = Tensor::from_slice(&[0.0, 1.0, -2.0, 4.0, 0.3, -0.2, 1.0, 0.0]).view([2, 1, 2, 2]);
        let x_t = Tensor::randn([2, 1, 2, 2], (Kind::Double, Device::Cpu));
        let at = |quantile: f64| Thresholded::new(&Predicts(data.copy()), &Flow, quantile).unwrap().denoise(&x_t, 0.5).unwrap();
        // The absolute values of the first sample are 0, 1, 2, 4: half of them are up to 1.5.
        let expected = Tensor::from_slice(&[0.0, 1.0 / 1.5, -1.0, 1.0, 0.3, -0.2, 1.0, 0.0]).view([2, 1, 2, 2]);
        let found = at(0.5);
        assert!((&found.x0 - expected).abs().max().double_value(&[]) < 1e-12, "{:?}", found.x0);
        let sum: Tensor = 0.5 * (&found.x0 + &found.eps);
        assert!((sum - &x_t).abs().max().double_value(&[]) < 1e-12);
        assert!((at(1.0).x0.select(0, 0) * 4.0 - data.select(0, 0)).abs().max().double_value(&[]) < 1e-12);
        assert!(Thresholded::new(&Predicts(data.copy()), &Flow, 0.0).is_err());
    }
}
