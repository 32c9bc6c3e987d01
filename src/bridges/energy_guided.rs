//! `EnergyGuided`: a denoiser that is led by the gradient of an energy.

use tch::{Tensor, with_grad};

use crate::denoisers::{Denoised, Denoiser};
use crate::error::{Error, Result};
use crate::process::{Level, Process, require_gaussian};

/// An energy of noisy samples: `x_t` and `t` to one number for each sample, `[N]`.
type Energy<'a> = dyn Fn(&Tensor, f64) -> Result<Tensor> + 'a;

/// A denoiser whose score is reduced by the gradient of an energy, so that samples of low energy become more likely.
///
/// ```text
/// p'(x_t) ∝ p(x_t) exp( - scale E(x_t, t) ),   score' = score - scale grad E
/// eps' = eps + scale s grad E,                 x_0' = x_0 - scale s^2 / a grad E
/// ```
/// Zhao, Bao, Li & Zhu 2022 (EGSDE), equation 8: to translate an image, the chain starts from the image with noise (as in SDEdit, with
/// [`Truncated`](crate::samplers::Truncated)), and the energy keeps what both domains share, as [`low_pass_energy`] does. With `E = - ln p(y | x_t)` it
/// is the exact conditional denoiser: the samples are those given `y`. In noise alone, where no signal is left, nothing is changed.
pub struct EnergyGuided<'a> {
    denoiser: &'a dyn Denoiser,
    process: &'a dyn Process,
    energy: &'a Energy<'a>,
    scale: f64,
}

impl<'a> EnergyGuided<'a> {
    /// This denoiser, which belongs to `process`, with this energy.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for noise that is not Gaussian, which does not determine the score; [`Error::Config`] for a scale that is not finite.
    pub fn new(
        denoiser: &'a dyn Denoiser,
        process: &'a dyn Process,
        energy: &'a Energy<'a>,
        scale: f64,
    ) -> Result<Self> {
        require_gaussian(process, "guidance by an energy, which changes the score,")?;
        if scale.is_finite() {
            Ok(Self { denoiser, process, energy, scale })
        } else {
            Err(Error::config("scale of an energy", "a finite number", scale))
        }
    }
}

impl Denoiser for EnergyGuided<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        let known = self.denoiser.denoise(x_t, t)?;
        if self.process.signal(t) == 0.0 || self.scale == 0.0 {
            return Ok(known);
        }
        let x = x_t.detach().set_requires_grad(true);
        let energy = with_grad(|| (self.energy)(&x, t))?;
        if energy.size() != [x.size()[0]] {
            let expected = format!("[{}], one per sample", x.size()[0]);
            return Err(Error::Shape { what: "energies", expected, got: energy.size() });
        }
        let gradient = with_grad(|| Tensor::f_run_backward(&[energy.sum(x.kind())], &[&x], false, false))?.remove(0);
        let level = Level::at(self.process, t, x_t)?;
        let of_data = level.factor(|a, s| self.scale * s * s / a);
        let of_noise = level.factor(|_, s| self.scale * s);
        Ok(Denoised { x0: known.x0 - of_data * &gradient, eps: known.eps + of_noise * &gradient, ..known })
    }
}

/// How far samples are from a source in their coarse structure, as an energy for [`EnergyGuided`].
///
/// ```text
/// E(x_t, t) = | L( x_t - a(t) source ) |^2,   L: means of squares of `factor` pixels
/// ```
/// Zhao et al. 2022 (EGSDE), equation 13, with the mean of the noisy source in place of a draw. Points are compared as they are.
///
/// # Shapes
/// `source`: `[N, D]` or `[N, C, H, W]`, like the samples; `factor` divides `H` and `W`.
///
/// # Errors
/// [`Error::Config`] for a factor that does not divide the sides.
pub fn low_pass_energy<'a>(
    process: &'a dyn Process,
    source: &Tensor,
    factor: i64,
) -> Result<impl Fn(&Tensor, f64) -> Result<Tensor> + use<'a>> {
    let sides = source.size().get(2..).unwrap_or_default().to_vec();
    if factor < 1 || sides.iter().any(|side| side % factor != 0) {
        return Err(Error::config("factor of a low pass", format!("a divisor of the sides {sides:?}"), factor));
    }
    let source = source.shallow_clone();
    Ok(move |x_t: &Tensor, t: f64| {
        let difference: Tensor = x_t - process.signal(t) * source.to_kind(x_t.kind());
        let coarse = match difference.dim() {
            4 => difference.f_avg_pool2d([factor, factor], [factor, factor], [0, 0], false, true, None)?,
            _ => difference,
        };
        Ok(coarse.square().flatten(1, -1).sum_dim_intlist([1].as_slice(), false, x_t.kind()))
    })
}
