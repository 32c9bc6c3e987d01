//! How data becomes noise: `x_t = a(t) x_0 + s(t) eps`. [`ConstantsManager`] is the process of Ho et al. 2020, with
//! `t = 1 … T`; others have continuous times.

mod basis;
mod by_coordinate;
mod constants;
mod factor;
mod forward;
mod level;
mod ncsn_rules;
mod posterior;
mod schedules;
mod sde;
mod times;

use std::fmt::Debug;

use tch::Tensor;

pub use basis::Basis;
pub use by_coordinate::ByCoordinate;
pub use constants::ConstantsManager;
pub use factor::Factor;
pub(crate) use forward::fixed_noise;
pub use forward::{add_noise, forward_diffusion, forward_step};
pub use level::Level;
pub use ncsn_rules::{largest_distance, ratio_of_levels};
pub use posterior::Posterior;
pub use schedules::*;
pub(crate) use times::{check_time, is_shared};

use crate::catalogue::catalogue;
use crate::error::{Error, Result};

/// The name of standard Gaussian noise.
pub(crate) const GAUSSIAN: &str = "gaussian";

/// Rejects a process whose noise is not Gaussian, for `what`, which needs that.
///
/// # Errors
/// [`Error::Unsupported`], with both names.
pub(crate) fn require_gaussian(process: &dyn Process, what: &str) -> Result<()> {
    match process.noise_kind() {
        GAUSSIAN => Ok(()),
        kind => {
            Err(Error::Unsupported(format!("{what} needs Gaussian noise, and the noise of this process is {kind}")))
        }
    }
}

/// A diffusion process: how much signal and how much noise there is at time `t`.
///
/// ```text
/// x_t = a(t) x_0 + s(t) eps,   eps ~ N(0, I)
/// ```
/// `eps` may have [another distribution](Process::draw) of mean 0 and variance 1. Times are real numbers from 0, where there is no noise, to [`end`](Process::end). Everything is computed in f64.
pub trait Process {
    /// `a(t)`, the factor of `x_0`, for `t` from 0 to the end; 1 at `t = 0`.
    fn signal(&self, t: f64) -> f64;

    /// `s(t)`, the standard deviation of the noise, for `t` from 0 to the end; 0 at `t = 0`.
    fn noise(&self, t: f64) -> f64;

    /// The last time, where sampling starts from pure noise.
    fn end(&self) -> f64;

    /// `T`, if networks are trained only at the times `1, 2, …, T`; `None` if they are trained at all times up to the
    /// end.
    fn steps(&self) -> Option<usize>;

    /// The standard deviation of the noise that sampling starts from: 1, unless the process ends with another.
    fn noise_at_end(&self) -> f64 {
        1.0
    }

    /// Draws `eps` for samples at the times `t`, from libtorch's generator: standard Gaussian, unless the process has
    /// [other noise](crate::noises), of mean 0 and variance 1.
    ///
    /// # Shapes
    /// `t`: a single time for all samples, or `[N]`; `like`: `[N, …]`, f32 or f64, like the result.
    ///
    /// # Errors
    /// [`Error::Torch`] if memory does not suffice.
    fn draw(&self, _t: &Tensor, like: &Tensor) -> Result<Tensor> {
        Ok(like.f_randn_like()?)
    }

    /// The name of the distribution of `eps`, as in the catalogue of [noises](crate::noises::NoiseConfig).
    fn noise_kind(&self) -> &'static str {
        GAUSSIAN
    }

    /// Signal and noise of each coordinate of the samples `x`, `[N, …]`, at these times, if they differ between coordinates. `signal` and
    /// `noise` are then those of a coordinate that is treated as in the process without such differences.
    ///
    /// # Errors
    /// [`Error::Shape`] for samples of another shape than the process is for.
    fn by_coordinate(&self, _times: &[f64], _x: &Tensor) -> Result<Option<ByCoordinate>> {
        Ok(None)
    }

    /// Whether all coordinates have the same signal and noise.
    fn is_scalar(&self) -> bool {
        true
    }

    /// The first time above 0, from which samplers take their last step: step 1 or, without steps, a thousandth of the
    /// process.
    fn first_time(&self) -> f64 {
        if self.steps().is_some() { 1.0 } else { self.end() / 1000.0 }
    }

    /// The time `t` in the form that networks take: `t` itself for a process with steps; otherwise scaled to 1000, which
    /// suits the frequencies of a [`TimeEmbedding`](crate::networks::TimeEmbedding).
    fn network_time(&self, t: f64) -> f64 {
        if self.steps().is_some() { t } else { 1000.0 * t / self.end() }
    }

    /// The logarithm of the signal-to-noise ratio, `ln( a(t)^2 / s(t)^2 )`: it decreases from infinity at `t = 0`.
    /// Kingma et al. 2021, section 3.1.
    fn log_snr(&self, t: f64) -> f64 {
        2.0 * (self.signal(t).ln() - self.noise(t).ln())
    }

    /// `f(t)`, the drift of the forward SDE `dx = f(t) x dt + g(t) dw`, whose marginals are those of the process.
    ///
    /// ```text
    /// f(t) = d ln a / dt,   g(t)^2 = d s^2 / dt - 2 f(t) s^2
    /// ```
    /// Lu et al. 2022 (DPM-Solver), equation 2.3. Unless there is a formula, it is a central difference over a millionth of the process,
    /// one-sided at `t = 0` and at the end. At a step of a process with steps, where the slope jumps, that is the mean of both sides.
    /// Minus infinity where no signal is left.
    fn drift(&self, t: f64) -> f64 {
        sde::drift(|t| self.signal(t), t, self.end())
    }

    /// `g(t)`, the diffusion of the same SDE, found in the same way. Infinity where no signal is left.
    fn diffusion(&self, t: f64) -> f64 {
        sde::diffusion(|t| self.noise(t), self.drift(t), t, self.end())
    }

    /// `a'(t) = da / dt`: how fast the signal changes. Unless there is a formula, a difference, as for [`drift`](Self::drift).
    fn signal_slope(&self, t: f64) -> f64 {
        sde::derivative(|t| self.signal(t), t, self.end())
    }

    /// `s'(t) = ds / dt`, found in the same way. It may be infinite at `t = 0`, where `s` often grows as the root of `t`.
    fn noise_slope(&self, t: f64) -> f64 {
        sde::derivative(|t| self.noise(t), t, self.end())
    }

    /// The time with this logarithm of the signal-to-noise ratio, found by bisection unless there is a formula; the end
    /// if it never gets that small.
    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        let (mut before, mut after) = (0.0, self.end());
        if log_snr <= self.log_snr(after) {
            return after;
        }
        // Until f64 cannot distinguish the two times.
        while before < (before + after) / 2.0 && (before + after) / 2.0 < after {
            let middle = (before + after) / 2.0;
            if self.log_snr(middle) > log_snr { before = middle } else { after = middle }
        }
        after
    }
}

/// The settings of a process.
pub trait ProcessSettings: Debug {
    /// Builds the process.
    ///
    /// # Errors
    /// [`Error::Config`] for invalid settings.
    fn process(&self) -> Result<Box<dyn Process>>;
}

/// The declared properties of a process. All processes start with the data, and their signal-to-noise ratio decreases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessProperties {
    /// Whether it has steps.
    pub has_steps: bool,
    /// Whether `a^2 + s^2 = 1` at all times.
    pub preserves_variance: bool,
    /// Whether some signal is left at its end.
    pub leaves_signal: bool,
    /// Whether hardly anything of the data is left at its end: data of variance 1 then has the standard deviation
    /// [`noise_at_end`](Process::noise_at_end).
    pub ends_with_noise: bool,
}

catalogue! {
    /// A process with its settings.
    ProcessConfig of "process", is ProcessSettings, declares ProcessProperties;
    discrete::Discrete, "discrete": "T steps, from a schedule", "Ho et al. 2020, equation 2",
        { has_steps: true, preserves_variance: true, leaves_signal: true, ends_with_noise: true };
    vp::Vp, "vp": "variance-preserving, in continuous time", "Song et al. 2021, equation 11",
        { has_steps: false, preserves_variance: true, leaves_signal: true, ends_with_noise: true };
    ve::Ve, "ve": "variance-exploding: the signal is kept", "Song et al. 2021, equation 9",
        { has_steps: false, preserves_variance: false, leaves_signal: true, ends_with_noise: true };
    sub_vp::SubVp, "sub-vp": "the signal of vp with less noise", "Song et al. 2021, section 3.4",
        { has_steps: false, preserves_variance: false, leaves_signal: true, ends_with_noise: true };
    noise_scales::NoiseScales, "noise-scales": "L noise levels in geometric progression: the signal is kept", "Song & Ermon 2019, section 4.1",
        { has_steps: true, preserves_variance: false, leaves_signal: true, ends_with_noise: false };
    edm::EdmNoise, "edm": "noise of standard deviation t is added to the data", "Karras et al. 2022, table 1",
        { has_steps: false, preserves_variance: false, leaves_signal: true, ends_with_noise: true };
    flow::Flow, "flow": "a straight line from data to noise", "Liu et al. 2023, section 2.1",
        { has_steps: false, preserves_variance: false, leaves_signal: false, ends_with_noise: true };
    tabulated::Tabulated, "tabulated": "variance-preserving, with a table of signal-to-noise ratios", "Kingma et al. 2021, section 3.1",
        { has_steps: false, preserves_variance: true, leaves_signal: true, ends_with_noise: true };
}

impl Default for ProcessConfig {
    fn default() -> Self {
        Discrete::default().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The suite: every entry of the catalogue.
    #[test]
    fn every_entry_is_a_process_and_what_it_declares() {
        for entry in ProcessConfig::ENTRIES {
            let (config, name) = (ProcessConfig::from_name(entry.name).unwrap(), entry.name);
            let (process, declared) = (config.build().process().unwrap(), config.properties());
            assert_eq!((process.signal(0.0), process.noise(0.0)), (1.0, 0.0), "{name}");
            assert_eq!(process.steps().is_some(), declared.has_steps, "{name}");
            let end = process.end();
            let times: Vec<f64> = (1..=100).map(|i| end * f64::from(i) / 100.0).collect();
            assert!(times.windows(2).all(|pair| process.log_snr(pair[0]) > process.log_snr(pair[1])), "{name}");
            let variance = |t: f64| process.signal(t).powi(2) + process.noise(t).powi(2);
            let preserved = times.iter().all(|t| (variance(*t) - 1.0).abs() < 1e-12);
            assert_eq!(preserved, declared.preserves_variance, "{name}");
            assert_eq!(process.signal(end) > 0.0, declared.leaves_signal, "{name}");
            let at_end = variance(end).sqrt() / process.noise_at_end();
            let ends_with_noise = (at_end - 1.0).abs() < 0.01;
            assert_eq!(
                ends_with_noise, declared.ends_with_noise,
                "{name}: {at_end} times the noise that sampling starts from"
            );
            for t in &times[..99] {
                let found = process.time_of_log_snr(process.log_snr(*t));
                assert!((found - t).abs() < 1e-9 * end, "{name}: {found} for {t}");
            }
            assert_eq!(process.time_of_log_snr(-1e9), end, "{name}");
        }
    }

    #[test]
    fn the_noise_that_papers_have() {
        let vp = Vp::default();
        // Song et al. 2021, appendix C: the signal that is left is exp(-10.05 / 2).
        assert!((vp.signal(1.0) - (-10.05_f64 / 2.0).exp()).abs() < 1e-12);
        let sub_vp = SubVp::default();
        assert!((sub_vp.noise(0.5) - vp.noise(0.5).powi(2)).abs() < 1e-12);
        let ve = Ve::default();
        assert!((ve.noise(1.0).powi(2) - (50.0_f64.powi(2) - 0.01_f64.powi(2))).abs() < 1e-9);
        assert!((ve.noise(0.5).powi(2) - (0.01 * 50.0 - 0.01_f64.powi(2))).abs() < 1e-12);
        // The discrete process approaches it as its steps become smaller.
        for (steps, expected) in [(1000, -0.0677), (10_000, -0.0067)] {
            let betas = LinearSchedule.betas(steps).unwrap();
            let log_alpha_bar: f64 = betas.iter().map(|beta| (1.0 - beta).ln()).sum();
            let difference = log_alpha_bar + vp.integrated_beta(1.0);
            assert!((difference - expected).abs() < 1e-4, "{steps} steps: {difference}");
        }
        let refused = Ve { sigma_max: 0.001, ..ve }.process().err().unwrap().to_string();
        assert!(refused.contains("above sigma_min") && refused.ends_with("0.001"), "{refused}");
    }
}
