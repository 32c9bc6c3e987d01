//! Weightings: how much an error counts in training, depending on the noise level.

use std::fmt::Debug;

use crate::catalogue::catalogue;
use crate::error::Result;
use crate::process::Process;

/// A weight of the squared error of the noise, `|| eps - eps_theta ||^2`. Since `|| eps - eps_theta ||^2` is `SNR` times
/// `|| x_0 - x_theta ||^2` and `SNR / (SNR + 1)` times `|| v - v_theta ||^2`, a weight of those errors is this one times the same factor. Salimans & Ho
/// 2022, section 4.
pub trait Weighting: Debug {
    /// The weight at the time `t`, above 0.
    fn weight(&self, process: &dyn Process, t: f64) -> f64;

    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first invalid setting.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// The declared weights at signal-to-noise ratios of 20 and 1/4, on [`Vp`](crate::process::Vp) with its default rates. No
/// weighting is negative anywhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightingProperties {
    /// At low noise.
    pub at_snr_20: f64,
    /// At high noise.
    pub at_snr_quarter: f64,
}

catalogue! {
    /// A weighting with its settings.
    WeightingConfig of "weighting of the objective", is Weighting, declares WeightingProperties;
    simple::SimpleWeight, "simple": "the error of the noise, unweighted", "Ho et al. 2020, equation 14", { at_snr_20: 1.0, at_snr_quarter: 1.0 };
    uniform::UniformWeight, "uniform": "the error of the data, unweighted", "Salimans & Ho 2022, section 4", { at_snr_20: 0.05, at_snr_quarter: 4.0 };
    truncated_snr::TruncatedSnr, "truncated-snr": "the larger of these two errors", "Salimans & Ho 2022, section 4", { at_snr_20: 1.0, at_snr_quarter: 4.0 };
    snr_plus_one::SnrPlusOne, "snr-plus-one": "the error of v, unweighted", "Salimans & Ho 2022, section 4", { at_snr_20: 1.05, at_snr_quarter: 5.0 };
    p2::P2, "p2": "less weight at low noise", "Choi et al. 2022",
        { at_snr_20: 0.047_619_047_619, at_snr_quarter: 0.8 };
    min_snr::MinSnr, "min-snr": "the error of the data, weighted by SNR up to gamma", "Hang et al. 2023, section 3.4",
        { at_snr_20: 0.25, at_snr_quarter: 1.0 };
    edm::EdmWeight, "edm": "the error of a preconditioned output, unweighted", "Karras et al. 2022, table 1",
        { at_snr_20: 1.2, at_snr_quarter: 17.0 };
    max_likelihood::MaxLikelihood, "max-likelihood": "a bound on the likelihood", "Song et al. 2021 (Maximum Likelihood Training), equation 7",
        { at_snr_20: 29.338_800, at_snr_quarter: 10.005_125 };
}

impl Default for WeightingConfig {
    fn default() -> Self {
        MinSnr::default().into()
    }
}

/// The signal-to-noise ratio `a^2 / s^2`.
fn snr(process: &dyn Process, t: f64) -> f64 {
    process.log_snr(t).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{ProcessConfig, ProcessSettings, Vp};

    #[test]
    fn every_entry_has_the_weights_that_it_declares() {
        let process = Vp::default().process().unwrap();
        for entry in WeightingConfig::ENTRIES {
            let config = WeightingConfig::from_name(entry.name).unwrap();
            let (weighting, declared) = (config.build(), config.properties());
            for (snr, expected) in [(20.0_f64, declared.at_snr_20), (0.25, declared.at_snr_quarter)] {
                let found = weighting.weight(&*process, process.time_of_log_snr(snr.ln()));
                let close = (found / expected - 1.0).abs() < 1e-5;
                assert!(close, "{}: {found} where the signal-to-noise ratio is {snr}, expected {expected}", entry.name);
            }
        }
    }

    #[test]
    fn no_weight_is_negative_on_any_process() {
        for process in ProcessConfig::ENTRIES {
            let of = ProcessConfig::from_name(process.name).unwrap().build().process().unwrap();
            for entry in WeightingConfig::ENTRIES {
                let weighting = WeightingConfig::from_name(entry.name).unwrap().build();
                for i in 1..20 {
                    let weight = weighting.weight(&*of, of.end() * f64::from(i) / 20.0);
                    assert!(weight >= 0.0 && weight.is_finite(), "{} on {}: {weight}", entry.name, process.name);
                }
            }
        }
    }
}
