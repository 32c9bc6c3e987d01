//! `Posterior`: the distribution of the samples one step back, if the data is known.

use super::Process;

/// `q(x_to | x_t, x_0)`, the distribution that a reverse step imitates:
///
/// ```text
/// q(x_to | x_t, x_0) = N( of_x0 x_0 + of_x_t x_t, variance I )
/// of_x0 = a(to) beta / s(t)^2,   of_x_t = sqrt(alpha) s(to)^2 / s(t)^2,   variance = beta s(to)^2 / s(t)^2
/// ```
/// Ho et al. 2020, equations 6 and 7. For any process, `sqrt(alpha) = a(t) / a(to)` is the factor by which the forward step reduces the signal,
/// and `beta = s(t)^2 - alpha s(to)^2` the variance of the noise that it adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Posterior {
    /// The factor of the data in the mean.
    pub of_x0: f64,
    /// The factor of `x_t` in the mean.
    pub of_x_t: f64,
    /// `beta~_t`, its variance; 0 for the last step, to `t = 0`.
    pub variance: f64,
    /// The variance of `q(x_to | x_t)` for data that is itself Gaussian noise: `beta_t`, in a process that preserves the variance.
    pub variance_of_noise: f64,
}

impl Posterior {
    /// The posterior of the step from `t` back to `to`, with `0 <= to < t`.
    pub fn of(process: &dyn Process, t: f64, to: f64) -> Self {
        let (noise, noise_before) = (process.noise(t), process.noise(to));
        let sqrt_alpha = process.signal(t) / process.signal(to);
        let beta = (noise.powi(2) - (sqrt_alpha * noise_before).powi(2)).max(0.0);
        let of_noise = |t: f64| process.signal(t).powi(2) + process.noise(t).powi(2);
        Self {
            of_x0: process.signal(to) * beta / noise.powi(2),
            of_x_t: sqrt_alpha * (noise_before / noise).powi(2),
            variance: beta * (noise_before / noise).powi(2),
            variance_of_noise: beta * of_noise(to) / of_noise(t),
        }
    }

    /// The smallest variance of a reverse step: [`variance`](Self::variance), except for the last step, where that is 0. There it is the
    /// variance of the step before, from `2 t` to `t`. From the official code of Nichol & Dhariwal 2021.
    pub fn smallest_variance(process: &dyn Process, t: f64, to: f64) -> f64 {
        if to > 0.0 {
            return Self::of(process, t, to).variance;
        }
        let before = (2.0 * t).min(process.end());
        if before > t { Self::of(process, before, t).variance } else { Self::of(process, t, to).variance_of_noise }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{CosineSchedule, Discrete, EdmNoise, Flow, ProcessSettings, Vp};

    /// Bayes' rule for Gaussians: precisions add up.
    #[test]
    fn it_is_the_product_of_forward_step_and_marginal() {
        let discrete = Discrete { timesteps: 40, schedule: CosineSchedule.into() };
        for process in [discrete.process(), Vp::default().process(), Flow.process(), EdmNoise::default().process()] {
            let process = process.unwrap();
            let end = process.end();
            for (t, to) in [(end * 0.75, end * 0.5), (end * 0.5, end * 0.025)] {
                let (a, s) = (process.signal(to), process.noise(to));
                let k = process.signal(t) / a;
                let beta = process.noise(t).powi(2) - (k * s).powi(2);
                let precision = 1.0 / s.powi(2) + k.powi(2) / beta;
                let posterior = Posterior::of(&*process, t, to);
                assert!((posterior.variance * precision - 1.0).abs() < 1e-9);
                assert!((posterior.of_x0 * precision - a / s.powi(2)).abs() < 1e-9 * a / s.powi(2));
                assert!((posterior.of_x_t * precision - k / beta).abs() < 1e-9 * k / beta);
            }
        }
    }

    #[test]
    fn only_the_last_step_has_another_smallest_variance() {
        let process = Discrete { timesteps: 40, schedule: CosineSchedule.into() }.process().unwrap();
        let variance = |t: f64, to: f64| Posterior::of(&*process, t, to).variance;
        assert_eq!(variance(1.0, 0.0), 0.0);
        assert_eq!(Posterior::smallest_variance(&*process, 1.0, 0.0), variance(2.0, 1.0));
        assert_eq!(Posterior::smallest_variance(&*process, 7.0, 6.0), variance(7.0, 6.0));
        let one_step = Posterior::of(&*process, 40.0, 0.0);
        assert_eq!(Posterior::smallest_variance(&*process, 40.0, 0.0), one_step.variance_of_noise);
    }
}
