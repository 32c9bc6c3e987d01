//! `bilateral_times`: a schedule built backwards from the end, each step as long as a bound on the likelihood suggests.

use tch::{Kind, Tensor, no_grad_guard};

use crate::denoisers::Denoiser;
use crate::error::{Error, Result, require};
use crate::process::{GAUSSIAN, Level, Process};
use crate::random::{Draws, Stream};

/// The most steps of a schedule: one that is longer has found no end.
const MOST: usize = 1000;
/// The signal-to-noise ratio at which a schedule ends.
const LAST_LOG_SNR: f64 = 9.0;

/// Times for [`Knots`](crate::samplers::Knots), found from the end of the process to the data. At each noise level, the variance `beta` of the
/// next step minimizes the bound of Lam et al. for that step alone, below a limit from the step before:
///
/// ```text
/// L(beta) = delta^2 / ( 2 (delta^2 - beta) ) E || eps - beta / delta^2 eps_theta ||^2 + D/4 ln( delta^2 / beta ) + D/2 ( beta / delta^2 - 1 )
/// beta_{n-1} = argmin L  below  min( delta^2, beta_n ),   delta^2 = 1 - alpha_bar,   alpha_bar_{n-1} = alpha_bar_n / ( 1 - beta_n )
/// ```
/// Lam et al. 2022 (BDDM), equations 14 to 16 and algorithm 3. Their schedule network predicts the minimum from `x_t`; here all samples of a
/// chain share their times, and the bound follows from two means, so that it is minimized directly. `first_beta` is the variance of the first
/// step, `beta_N`: with less, there are more steps.
///
/// # Shapes
/// `data`: `[N, …]`, in f32 or f64, on which the denoiser is tried with noise that follows from the seed. Returns the times from the end of
/// the process to 0.
///
/// # Errors
/// [`Error::Config`] for a `first_beta` outside 0 to 1; [`Error::Unsupported`] for a process that does not preserve the variance, and for a
/// schedule of more than 1000 steps; errors of the denoiser.
pub fn bilateral_times(
    denoiser: &dyn Denoiser,
    process: &dyn Process,
    data: &Tensor,
    first_beta: f64,
    seed: u64,
) -> Result<Vec<f64>> {
    require(first_beta > 0.0 && first_beta < 1.0, "first_beta", "above 0 and below 1", first_beta)?;
    let end = process.end();
    let preserves = |t: f64| (process.signal(t).powi(2) + process.noise(t).powi(2) - 1.0).abs() < 1e-6;
    if !(preserves(end / 2.0) && preserves(end)) || process.noise_kind() != GAUSSIAN {
        return Err(Error::Unsupported(
            "the bound of BDDM needs a process that preserves the variance, such as vp or discrete, with Gaussian noise".to_owned(),
        ));
    }
    let _no_grad = no_grad_guard();
    let eps = Draws::new(seed, Stream::StepSearch, 1).normal(&data.size(), data.device()).to_kind(data.kind());
    let (mut times, mut alpha_bar, mut beta) = (vec![end], process.signal(end).powi(2), first_beta);
    while times.len() < MOST {
        alpha_bar /= 1.0 - beta.min(0.999 * (1.0 - alpha_bar));
        let log_snr = (alpha_bar / (1.0 - alpha_bar)).ln();
        let t = process.time_of_log_snr(log_snr);
        // Below the first step of a process with steps, no network has learned anything.
        if log_snr >= LAST_LOG_SNR || t < process.first_time() {
            times.push(0.0);
            return Ok(times);
        }
        times.push(t);
        let level = Level::at(process, t, data)?;
        let eps_theta = denoiser.denoise(&(&level.signal * data + &level.noise * &eps), t)?.eps;
        let mean = |of: Tensor| of.mean(Kind::Double).double_value(&[]);
        let delta2 = 1.0 - alpha_bar;
        beta = delta2 * best_share([mean(&eps * &eps_theta), mean(eps_theta.square())], (beta / delta2).min(0.999));
    }
    Err(Error::Unsupported(format!(
        "the schedule that begins with a variance of {first_beta} has more than {MOST} steps: use a larger one"
    )))
}

/// The share `beta / delta^2` up to `most` at which the bound is least, by golden-section search. `means`: of `eps eps_theta` and of
/// `eps_theta^2`.
fn best_share([product, square]: [f64; 2], most: f64) -> f64 {
    let bound =
        |b: f64| (1.0 - 2.0 * b * product + b * b * square) / (2.0 * (1.0 - b)) - 0.25 * b.ln() + 0.5 * (b - 1.0);
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (1e-9, most);
    while high - low > 1e-9 {
        let (left, right) = (high - ratio * (high - low), low + ratio * (high - low));
        if bound(left) < bound(right) { high = right } else { low = left }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::denoisers::GaussianOracle;
    use crate::process::{EdmNoise, Flow, ProcessSettings, Vp};

    #[test]
    fn the_share_is_where_the_derivative_of_the_bound_is_0() {
        // Nothing is predicted: 1 / ( 2 (1 - b)^2 ) - 1 / (4 b) + 1/2 = 0.
        let b = best_share([0.0, 0.0], 0.999);
        let derivative = 0.5 / (1.0 - b).powi(2) - 0.25 / b + 0.5;
        assert!(derivative.abs() < 1e-5, "{b}: {derivative}");
        // All of the noise is predicted: the bound is - ln(b) / 4, the step as long as it may be.
        assert!((best_share([1.0, 1.0], 0.3) - 0.3).abs() < 1e-6);
    }

    #[test]
    fn a_smaller_first_step_makes_a_longer_schedule() {
        let process = Vp::default().process().unwrap();
        let double = (Kind::Double, Device::Cpu);
        let oracle = GaussianOracle::isotropic(&*process, &Tensor::zeros([1], double), 0.25);
        let data = Tensor::randn([4_000, 1], double) * 0.5;
        let steps = |first_beta: f64| {
            let times = bilateral_times(&oracle, &*process, &data, first_beta, 1).unwrap();
            assert!(times.windows(2).all(|pair| pair[0] > pair[1]), "{times:?}");
            assert_eq!((times[0], times[times.len() - 1]), (1.0, 0.0));
            times.len() - 1
        };
        let (few, many) = (steps(0.9), steps(0.2));
        assert!((3..60).contains(&few) && many > few, "{few} and {many} steps");
        let edm = EdmNoise::default().process().unwrap();
        let of_edm = GaussianOracle::isotropic(&*edm, &Tensor::zeros([1], double), 0.25);
        assert!(bilateral_times(&of_edm, &*edm, &data, 0.5, 1).is_err());
        assert!(bilateral_times(&oracle, &Flow, &data, 0.5, 1).is_err());
        assert!(bilateral_times(&oracle, &*process, &data, 1.0, 1).is_err());
    }
}
