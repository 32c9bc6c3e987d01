//! `TimestepSampling`: how often training draws each timestep.

use std::fmt::Debug;

use tch::{Device, Kind, Tensor};

use crate::catalogue::catalogue;
use crate::error::Result;
use crate::process::Process;

/// How often training draws each timestep: the distribution `p(t)` of Algorithm 1, line 3.
///
/// Drawing `t ~ p(t)` has the same expected gradient as drawing uniformly and weighting the loss at `t` by `T p(t)`,
/// but spends no work on samples with little weight.
pub trait TimestepSampling: Debug {
    /// `t ~ p(t)`, shape `[n]`, on the CPU, from libtorch's generator: int64 in `1..=T` for a process with steps,
    /// otherwise f64, above 0 and up to its end.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for invalid settings.
    fn draw(&self, process: &dyn Process, n: i64) -> Result<Tensor>;
}

/// The declared property of a distribution: the mean timestep of the discrete process with 100 steps and the cosine
/// schedule. All distributions draw times within the process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimestepSamplingProperties {
    /// The mean time.
    pub mean: f64,
}

catalogue! {
    /// A distribution of timesteps with its settings.
    TimestepSamplingConfig of "timesteps of the objective", is TimestepSampling, declares TimestepSamplingProperties;
    uniform::Uniform, "uniform": "all times equally often", "Ho et al. 2020, Algorithm 1", { mean: 50.5 };
    perception_prioritized::PerceptionPrioritized, "perception-prioritized": "low noise less often",
        "Choi et al. 2022", { mean: 70.3287 };
    log_normal::LogNormal, "log-normal": "a log-normal noise level", "Karras et al. 2022, table 1", { mean: 25.3004 };
    by_weight::ByWeight, "by-weight": "in proportion to a weighting", "Kingma & Gao 2023, section 2", { mean: 58.8368 };
}

impl Default for TimestepSamplingConfig {
    fn default() -> Self {
        Uniform.into()
    }
}

/// The number of intervals for a process without steps, each with a uniform distribution.
const CELLS: usize = 1000;

/// Draws times in proportion to `weight`: steps if the process has them.
fn draw_by_weight(process: &dyn Process, n: i64, weight: impl Fn(f64) -> f64) -> Tensor {
    if let Some(steps) = process.steps() {
        let weights: Vec<f64> = (1..=steps).map(|t| weight(t as f64)).collect();
        return Tensor::from_slice(&weights).multinomial(n, true) + 1;
    }
    let width = process.end() / CELLS as f64;
    let weights: Vec<f64> = (0..CELLS).map(|cell| weight((cell as f64 + 0.5) * width)).collect();
    let cells = Tensor::from_slice(&weights).multinomial(n, true).to_kind(Kind::Double);
    // In (0, 1]: at 0 there is no noise to see.
    let within: Tensor = 1.0 - Tensor::rand([n], (Kind::Double, Device::Cpu));
    (cells + within) * width
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objectives::weightings::{MinSnr, SimpleWeight, WeightingConfig};
    use crate::process::{Discrete, ProcessConfig, ProcessSettings};

    fn mean(of: &Tensor) -> f64 {
        of.to_kind(Kind::Double).mean(Kind::Double).double_value(&[])
    }

    #[test]
    fn every_entry_draws_what_it_declares() {
        let process = Discrete { timesteps: 100, ..Default::default() }.process().unwrap();
        let n = 400_000;
        for entry in TimestepSamplingConfig::ENTRIES {
            let config = TimestepSamplingConfig::from_name(entry.name).unwrap();
            let drawn = config.build().draw(&*process, n).unwrap();
            assert_eq!((drawn.size(), drawn.kind()), (vec![n], Kind::Int64), "{}", entry.name);
            // Five standard errors of the widest of them.
            let (found, declared) = (mean(&drawn), config.properties().mean);
            assert!((found - declared).abs() < 0.2, "{}: {found}, expected {declared}", entry.name);
        }
    }

    #[test]
    fn every_entry_stays_within_every_process() {
        for process in ProcessConfig::ENTRIES {
            let of = ProcessConfig::from_name(process.name).unwrap().build().process().unwrap();
            for entry in TimestepSamplingConfig::ENTRIES {
                let drawn = TimestepSamplingConfig::from_name(entry.name).unwrap().build().draw(&*of, 1000).unwrap();
                let (least, most) = (drawn.min().double_value(&[]), drawn.max().double_value(&[]));
                let name = format!("{} on {}: {least} to {most}", entry.name, process.name);
                assert!(least > 0.0 && most <= of.end(), "{name}");
                assert_eq!(drawn.kind() == Kind::Int64, of.steps().is_some(), "{name}");
            }
        }
    }

    /// `E_uniform[ w(t) L(t) ] = E_p[ L(t) ] E_uniform[ w(t) ]`, for any `L`, where `p(t)` is proportional to `w(t)`.
    #[test]
    fn drawing_by_a_weight_is_weighting_in_expectation() {
        let loss = |t: &Tensor| (t.to_kind(Kind::Double) / 30.0).sin() + 2.0;
        for name in ["discrete", "vp"] {
            let process = ProcessConfig::from_name(name).unwrap().build().process().unwrap();
            let weighting: WeightingConfig = MinSnr::default().into();
            let of = |config: &WeightingConfig| {
                let by_weight = ByWeight { weighting: config.clone() };
                by_weight.draw(&*process, 400_000).unwrap() * (1000.0 / process.end())
            };
            let uniform = of(&SimpleWeight.into());
            let times: Vec<f64> = Vec::try_from(uniform.to_kind(Kind::Double)).unwrap();
            let weight = |t: &f64| weighting.build().weight(&*process, t * process.end() / 1000.0);
            let weights = Tensor::from_slice(&times.iter().map(weight).collect::<Vec<f64>>());
            let weighted = mean(&(&weights * loss(&uniform))) / mean(&weights);
            let drawn = mean(&loss(&of(&weighting)));
            assert!((weighted - drawn).abs() < 0.01, "{name}: {weighted} by weighting, {drawn} by drawing");
        }
    }
}
