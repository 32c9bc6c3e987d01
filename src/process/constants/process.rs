//! The discrete process as a `Process`: at its steps, from `beta_t`, and at the times between them.

use super::ConstantsManager;
use crate::process::Process;

/// `a(t)^2 = alpha_bar_t` and `s(t)^2 = 1 - alpha_bar_t`. Between two steps the logarithm of the signal-to-noise ratio
/// is interpolated linearly; before the first, as `t` approaches 0, the ratio grows as `1 / t`.
impl Process for ConstantsManager {
    fn signal(&self, t: f64) -> f64 {
        self.share(t).0.sqrt()
    }

    fn noise(&self, t: f64) -> f64 {
        self.share(t).1.sqrt()
    }

    fn end(&self) -> f64 {
        self.timesteps() as f64
    }

    fn steps(&self) -> Option<usize> {
        Some(self.timesteps())
    }

    /// `a' = a s^2 / 2 l'`, with the logarithm `l` of the signal-to-noise ratio; at a step, where its slope jumps, with the mean of both sides.
    fn signal_slope(&self, t: f64) -> f64 {
        // As t approaches 0, s^2 / t and with it a' have a limit.
        let t = t.max(1e-12);
        let (of_signal, of_noise) = self.share(t);
        of_signal.sqrt() * of_noise / 2.0 * self.slope_of_log_ratio(t)
    }

    /// `s' = - s a^2 / 2 l'`, in the same way; infinite at `t = 0`.
    fn noise_slope(&self, t: f64) -> f64 {
        if t == 0.0 {
            return f64::INFINITY;
        }
        let (of_signal, of_noise) = self.share(t);
        -of_noise.sqrt() * of_signal / 2.0 * self.slope_of_log_ratio(t)
    }
}

impl ConstantsManager {
    /// The slope of the logarithm of the signal-to-noise ratio at `t`, above 0.
    fn slope_of_log_ratio(&self, t: f64) -> f64 {
        let log_ratio = |t: usize| self.signal_to_noise(t).ln();
        // Between the steps k and k + 1, or before the first.
        let between = |k: usize| if k == 0 { -1.0 / t } else { log_ratio(k + 1) - log_ratio(k) };
        let before = t.floor() as usize;
        match t.fract() {
            0.0 if before == self.timesteps() => between(before - 1),
            0.0 => (between(before - 1) + between(before)) / 2.0,
            _ => between(before),
        }
    }

    /// The shares of the signal and the noise in the variance of `x_t`.
    fn share(&self, t: f64) -> (f64, f64) {
        let (before, between) = (t.floor(), t.fract());
        if between == 0.0 {
            let alpha_bar = self.alpha_cumulative(before as usize);
            return (alpha_bar, 1.0 - alpha_bar);
        }
        let log_ratio = |t: f64| self.signal_to_noise(t as usize).ln();
        let log_ratio = match before {
            0.0 => log_ratio(1.0) - between.ln(),
            _ => log_ratio(before) + between * (log_ratio(before + 1.0) - log_ratio(before)),
        };
        (sigmoid(log_ratio), sigmoid(-log_ratio))
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn the_noise_is_that_of_beta_t_at_steps_and_grows_between_them() {
        let constants = ConstantsManager::from_betas(&[0.02, 0.3, 0.6], 1, Device::Cpu).unwrap();
        assert_eq!((constants.signal(0.0), constants.noise(0.0)), (1.0, 0.0));
        for t in 1..=3 {
            let alpha_bar = constants.alpha_cumulative(t);
            assert_eq!(constants.signal(t as f64), alpha_bar.sqrt());
            let close = |at: f64| (constants.noise(at) - (1.0 - alpha_bar).sqrt()).abs() < 1e-8;
            assert!(close(t as f64 - 1e-9) && (t == 3 || close(t as f64 + 1e-9)), "t = {t}");
        }
        let noise: Vec<f64> = (0..=30).map(|i| constants.noise(f64::from(i) / 10.0)).collect();
        assert!(noise.windows(2).all(|pair| pair[0] < pair[1]), "{noise:?}");
        let (a, s) = (constants.signal(1.7), constants.noise(1.7));
        assert!((a * a + s * s - 1.0).abs() < 1e-12);
        let ratio = |t: f64| (constants.signal(t) / constants.noise(t)).powi(2);
        assert!((ratio(0.25) / ratio(1.0) - 4.0).abs() < 1e-9);
        assert!((ratio(1.5).powi(2) - ratio(1.0) * ratio(2.0)).abs() < 1e-9);
    }
}
