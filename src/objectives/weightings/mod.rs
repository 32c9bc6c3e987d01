//! Weightings: how much the error of a sample counts in training, by how much noise there is in it.

use std::fmt::Debug;

use crate::catalogue::catalogue;
use crate::process::Process;

/// A weight for the squared error of the noise, `|| eps - eps_theta ||^2`. The same weight of `|| x_0 - x_theta ||^2` is `SNR` times as large, that
/// of `|| v - v_theta ||^2` is `SNR / (SNR + 1)` times as large, since the errors are so many times smaller. Salimans & Ho 2022, section 4.
pub trait Weighting: Debug {
    /// The weight at the time `t`, above 0.
    fn weight(&self, process: &dyn Process, t: f64) -> f64;
}

/// What a weighting declares of itself: its weights on [`Vp`](crate::process::Vp) with its default rates, where the signal-to-noise ratio is
/// 20 and where it is 1/4. That no weight is negative holds for all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightingProperties {
    /// Where there is little noise.
    pub at_snr_20: f64,
    /// Where there is much.
    pub at_snr_quarter: f64,
}

catalogue! {
    /// Which weighting, with its settings.
    WeightingConfig of "weighting of the objective", is Weighting, declares WeightingProperties;
    simple::SimpleWeight, "simple": "1 of the error of the noise", "Ho et al. 2020, equation 14", { at_snr_20: 1.0, at_snr_quarter: 1.0 };
    uniform::UniformWeight, "uniform": "1 of the error of the data", "Salimans & Ho 2022, section 4", { at_snr_20: 0.05, at_snr_quarter: 4.0 };
    truncated_snr::TruncatedSnr, "truncated-snr": "the larger of both", "Salimans & Ho 2022, section 4", { at_snr_20: 1.0, at_snr_quarter: 4.0 };
    snr_plus_one::SnrPlusOne, "snr-plus-one": "1 of the error of v", "Salimans & Ho 2022, section 4", { at_snr_20: 1.05, at_snr_quarter: 5.0 };
    p2::P2, "p2": "less where hardly any noise is left to see", "Choi et al. 2022, equation 8",
        { at_snr_20: 0.047_619_047_619, at_snr_quarter: 0.8 };
    min_snr::MinSnr, "min-snr": "that of the data's error, and no more than that of SNR = gamma", "Hang et al. 2023, section 3.4",
        { at_snr_20: 0.25, at_snr_quarter: 1.0 };
    edm::EdmWeight, "edm": "1 of the error of a network's output of variance 1", "Karras et al. 2022, table 1",
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
