//! The part of the evidence lower bound that depends on the times of a sampler, from the errors of its denoiser.

use tch::{Kind, Tensor, no_grad_guard};

use crate::denoisers::Denoiser;
use crate::error::{Error, Result, require};
use crate::process::{Level, Process};
use crate::random::{Draws, Stream};

/// Samples that are denoised at a time, which bounds the memory.
const ROWS: i64 = 512;

/// The mean squared error of a denoiser at each time: how far the data that it predicts is from the data.
///
/// ```text
/// e(t) = E |x_0 - D(a(t) x_0 + s(t) eps, t)|^2,   summed over the numbers of a sample, averaged over samples
/// ```
/// For a perfect denoiser it is the mean variance of `x_0` given `x_t`. All times share the same noise, so that the
/// errors at neighbouring times deviate from their means alike.
///
/// # Shapes
/// `data`: `[N, …]`, in f32 or f64. Returns one number for each time, which is 0 at `t = 0`. The noise follows from the
/// seed.
///
/// # Errors
/// [`Error::Shape`] for no data; [`Error::Timestep`] for a time outside the process; errors of the denoiser.
pub fn denoising_errors(
    denoiser: &dyn Denoiser,
    process: &dyn Process,
    data: &Tensor,
    times: &[f64],
    seed: u64,
) -> Result<Vec<f64>> {
    let _no_grad = no_grad_guard();
    let n = data.size().first().copied().unwrap_or(0);
    if data.dim() < 2 || n < 1 {
        return Err(Error::Shape {
            what: "data",
            expected: "[N, …], at least one sample".to_owned(),
            got: data.size(),
        });
    }
    let eps = Draws::new(seed, Stream::StepSearch, 0).normal(&data.size(), data.device()).to_kind(data.kind());
    let error = |t: f64| -> Result<f64> {
        let (level, mut sum) = (Level::at(process, t, data)?, 0.0);
        for (x0, eps) in data.split(ROWS, 0).iter().zip(eps.split(ROWS, 0)) {
            let x_t = &level.signal * x0 + &level.noise * &eps;
            let predicted = denoiser.denoise(&x_t, t)?.x0;
            sum += (predicted - x0).to_kind(Kind::Double).square().sum(Kind::Double).double_value(&[]);
        }
        Ok(sum / n as f64)
    };
    times.iter().map(|t| if *t == 0.0 { Ok(0.0) } else { error(*t) }).collect()
}

/// The diffusion loss of a sampler that visits these times: the part of the evidence lower bound that depends on them,
/// in nats for each sample.
///
/// ```text
/// L = sum over steps from t to s of  1/2 ( SNR(s) - SNR(t) ) e(t)
/// ```
/// Kingma et al. 2021 (VDM), equation 13: the divergence of the reverse step, whose variance is that of
/// `q(x_s | x_t, x_0)`, from that posterior. `e(t)` is the [error of the denoiser](denoising_errors). Lower is better;
/// an additional time can only lower it, if the denoiser is perfect. The rest of the bound is the same for all times.
///
/// At `t = 0` the signal-to-noise ratio is infinite, and so would be the loss: no prediction is exact to infinitely
/// many digits. As in VDM, the data therefore counts up to noise of the standard deviation `width`: no
/// signal-to-noise ratio is larger than `1 / width^2`. The remaining term, the reconstruction of the data from so little
/// noise, does not depend on the times.
///
/// # Shapes
/// `times`: from the end of the process to 0, as those of a [`StepLayout`](crate::samplers::StepLayout);
/// `errors`: one for each of them, of which the last, at 0, is not used.
///
/// # Errors
/// [`Error::Config`] for times in another order, for errors that are not numbers of at least 0, or not as many, and for
/// a width that is not above 0.
pub fn diffusion_loss(process: &dyn Process, times: &[f64], errors: &[f64], width: f64) -> Result<f64> {
    let snr = snr_of_times(process, times, errors, width)?;
    Ok(snr.windows(2).zip(errors).map(|(pair, error)| term(pair[0], pair[1], *error)).sum())
}

/// The loss of the step from a time of this signal-to-noise ratio and this error to a time of the ratio `after`.
pub(super) fn term(snr: f64, after: f64, error: f64) -> f64 {
    0.5 * (after - snr) * error
}

/// The signal-to-noise ratio at each time, at most `1 / width^2`, after the checks of [`diffusion_loss`].
pub(super) fn snr_of_times(process: &dyn Process, times: &[f64], errors: &[f64], width: f64) -> Result<Vec<f64>> {
    require(width > 0.0 && width.is_finite(), "width of the data", "above 0", width)?;
    let decrease = times.windows(2).all(|pair| pair[0] > pair[1]);
    // A path that starts later would leave the error of the start out, and look better than it is.
    if times.len() < 2 || !decrease || times[0] != process.end() || times[times.len() - 1] != 0.0 {
        let expected = format!("times that decrease from the end, {}, to 0", process.end());
        return Err(Error::config("times of a search", expected, format!("{times:?}")));
    }
    if errors.len() != times.len() {
        let expected = format!("{}, one for each time", times.len());
        return Err(Error::config("number of errors", expected, errors.len()));
    }
    if let Some(wrong) = errors.iter().find(|error| !(error.is_finite() && **error >= 0.0)) {
        require(false, "errors of the denoiser", "numbers of at least 0", wrong)?;
    }
    Ok(times.iter().map(|t| process.log_snr(*t).exp().min(width.powi(-2))).collect())
}
