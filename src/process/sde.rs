//! The forward SDE of a process from its signal and noise, by differences where there is no formula.

/// `f(t) = d ln a / dt`, from the signal `a` of a process that ends at `end`. Lu et al. 2022 (DPM-Solver), equation 2.3.
pub(super) fn drift(signal: impl Fn(f64) -> f64, t: f64, end: f64) -> f64 {
    derivative(|t| signal(t).ln(), t, end)
}

/// `g(t) = sqrt( d s^2 / dt - 2 f s^2 )`, from the noise `s` and the drift `f(t)`. Lu et al. 2022 (DPM-Solver), equation 2.3.
pub(super) fn diffusion(noise: impl Fn(f64) -> f64, drift: f64, t: f64, end: f64) -> f64 {
    let variance = |t: f64| noise(t).powi(2);
    (derivative(variance, t, end) - 2.0 * drift * variance(t)).max(0.0).sqrt()
}

/// The derivative at `t`, from 0 to `end`, of a function that is known only there: a central difference, or one-sided of the same
/// order where a neighbour is missing.
pub(super) fn derivative(of: impl Fn(f64) -> f64, t: f64, end: f64) -> f64 {
    // Rounding and the error of the difference, which grows as its square, are both about 1e-10.
    let d = 1e-6 * end;
    if t < d {
        return (-3.0 * of(t) + 4.0 * of(t + d) - of(t + 2.0 * d)) / (2.0 * d);
    }
    if t + d > end {
        return (3.0 * of(t) - 4.0 * of(t - d) + of(t - 2.0 * d)) / (2.0 * d);
    }
    (of(t + d) - of(t - d)) / (2.0 * d)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use crate::process::{ConstantsManager, EdmNoise, Flow, Process, ProcessConfig, SubVp, Ve, Vp};

    /// A process without the formulas of its SDE.
    struct ByDifferences<'a>(&'a dyn Process);

    impl Process for ByDifferences<'_> {
        fn signal(&self, t: f64) -> f64 {
            self.0.signal(t)
        }

        fn noise(&self, t: f64) -> f64 {
            self.0.noise(t)
        }

        fn end(&self) -> f64 {
            self.0.end()
        }

        fn steps(&self) -> Option<usize> {
            self.0.steps()
        }
    }

    fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
        assert!((found - expected).abs() <= tolerance * expected.abs(), "{what}: {found}, expected {expected}");
    }

    /// The suite: every entry of the catalogue.
    #[test]
    fn the_formulas_are_the_derivatives_of_signal_and_noise() {
        for entry in ProcessConfig::ENTRIES {
            let process = ProcessConfig::from_name(entry.name).unwrap().build().process().unwrap();
            let differences = ByDifferences(&*process);
            for share in [0.0, 1e-7, 0.001, 0.1003, 0.5, 0.999, 1.0] {
                let t = share * process.end();
                let what = format!("{} at {t}", entry.name);
                if process.signal(t) == 0.0 {
                    assert_eq!((process.drift(t), process.diffusion(t)), (f64::NEG_INFINITY, f64::INFINITY), "{what}");
                    continue;
                }
                close(differences.drift(t), process.drift(t), 1e-6, &what);
                // Where g is 0, the error of a square root of a difference.
                let error = (differences.diffusion(t) - process.diffusion(t)).abs();
                assert!(error <= 1e-6 * process.diffusion(t) + 1e-5, "{what}: {error}");
            }
        }
    }

    /// Where `s` grows as the root of `t`, a difference over a millionth of the process is not exact near `t = 0`.
    #[test]
    fn the_slopes_are_those_of_signal_and_noise_and_of_the_sde() {
        for entry in ProcessConfig::ENTRIES {
            let process = ProcessConfig::from_name(entry.name).unwrap().build().process().unwrap();
            let differences = ByDifferences(&*process);
            for share in [0.01, 0.1003, 0.5, 0.999, 1.0] {
                // Not at a step, where the slopes jump.
                let t = share * process.end();
                let t = if process.steps().is_some() { (t - 0.4).max(0.6) } else { t };
                let (what, of_signal, of_noise) =
                    (format!("{} at {t}", entry.name), process.signal_slope(t), process.noise_slope(t));
                close(differences.signal_slope(t), of_signal, 1e-5, &what);
                close(differences.noise_slope(t), of_noise, 1e-5, &what);
                if process.signal(t) > 0.0 {
                    close(process.drift(t) * process.signal(t), of_signal, 1e-5, &what);
                    let s = process.noise(t);
                    close(process.diffusion(t).powi(2), 2.0 * s * (of_noise - process.drift(t) * s), 1e-5, &what);
                }
            }
        }
        assert_eq!((Flow.signal_slope(1.0), Flow.noise_slope(1.0)), (-1.0, 1.0));
        let constants = ConstantsManager::from_betas(&[0.02, 0.3, 0.6], 1, Device::Cpu).unwrap();
        close(constants.signal_slope(0.0), constants.signal_slope(1e-9), 1e-6, "where s^2 / t has a limit");
        for (at, before, after) in
            [(1.0, 1.0 - 1e-9, 1.0 + 1e-9), (2.0, 2.0 - 1e-9, 2.0 + 1e-9), (3.0, 3.0 - 1e-9, 3.0 - 1e-9)]
        {
            for slope in [Process::signal_slope, Process::noise_slope] {
                close(
                    slope(&constants, at),
                    (slope(&constants, before) + slope(&constants, after)) / 2.0,
                    1e-6,
                    "a step",
                );
            }
        }
    }

    #[test]
    fn drift_and_diffusion_are_those_of_the_papers() {
        let (vp, ve, t) = (Vp::default(), Ve::default(), 0.3_f64);
        let beta = 0.1 + 0.3 * 19.9;
        close(vp.drift(t), -beta / 2.0, 1e-12, "vp");
        close(vp.diffusion(t).powi(2), beta, 1e-12, "vp");
        let sub_vp = SubVp { vp };
        let integral = t * 0.1 + t * t / 2.0 * 19.9;
        close(sub_vp.drift(t), -beta / 2.0, 1e-12, "sub-vp");
        close(sub_vp.diffusion(t).powi(2), beta * (1.0 - (-2.0 * integral).exp()), 1e-12, "sub-vp");
        let sigma = 0.01 * 5000.0_f64.powf(t);
        assert_eq!(ve.drift(t), 0.0);
        close(ve.diffusion(t), sigma * (2.0 * 5000.0_f64.ln()).sqrt(), 1e-12, "ve");
        let edm = EdmNoise::default();
        assert_eq!(edm.drift(3.0), 0.0);
        close(edm.diffusion(3.0).powi(2), 6.0, 1e-12, "edm");
        close(Flow.drift(t), -1.0 / 0.7, 1e-12, "flow");
        close(Flow.diffusion(t).powi(2), 0.6 / 0.7, 1e-12, "flow");
    }

    /// Between two steps the log signal-to-noise ratio is linear, and the variance is preserved: `g^2 = - 2 f`. At a step the slope jumps,
    /// and the difference is the mean of both sides.
    #[test]
    fn a_process_with_steps_has_a_drift_between_them() {
        let constants = ConstantsManager::from_betas(&[0.02, 0.3, 0.6], 1, Device::Cpu).unwrap();
        let slope = |k: f64| constants.log_snr(k + 1.0) - constants.log_snr(k);
        let share = |t: f64| constants.noise(t).powi(2);
        for t in [1.2, 1.5, 2.7] {
            close(constants.drift(t), slope(f64::floor(t)) * share(t) / 2.0, 1e-7, "drift");
            close(constants.diffusion(t).powi(2), -2.0 * constants.drift(t), 1e-7, "diffusion");
        }
        close(constants.drift(2.0), (slope(1.0) + slope(2.0)) / 4.0 * share(2.0), 1e-5, "at a step");
        close(constants.drift(3.0), slope(2.0) / 2.0 * share(3.0), 1e-7, "at the end");
        // SNR(t) = SNR(1) / t, so that s^2 grows linearly from t = 0.
        close(constants.diffusion(0.0).powi(2), 0.02 / 0.98, 1e-5, "at 0");
    }
}
