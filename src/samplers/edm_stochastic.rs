//! `EdmStochastic`: Heun's method with fresh noise before each step, the stochastic sampler of Karras et al.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::direction::require_steps_back;
use super::{Heun, Sampler, SamplerSettings, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::{Result, require};
use crate::process::Process;

/// Raises the noise level a little before each step of [`Heun`], by adding fresh noise, so that earlier errors are forgotten. Two network calls
/// per step, one in the last.
///
/// ```text
/// gamma     = min( S_churn / N, sqrt(2) - 1 ) if S_min <= sigma <= S_max, else 0
/// sigma_hat = ( 1 + gamma ) sigma
/// y_hat     = y + sqrt( sigma_hat^2 - sigma^2 ) S_noise z,   z ~ N(0, I),   y = x / a
/// then Heun's step from sigma_hat to sigma(to)
/// ```
/// Karras et al. 2022, algorithm 2; the default values are those for ImageNet in their table 5. No noise is added before the step to `t = 0`, nor
/// beyond the end of the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdmStochastic {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Their layout.
    pub layout: StepLayoutConfig,
    /// `S_churn`, at least 0: how much noise the whole chain adds; 0 is [`Heun`]. With fewer than `S_churn / 0.414` steps, each step adds the
    /// most.
    pub s_churn: f64,
    /// `S_min`: the lowest noise level `s / a` at which noise is added.
    pub s_min: f64,
    /// `S_max`: the highest.
    pub s_max: f64,
    /// `S_noise`: the standard deviation of that noise; slightly more than 1 makes up for what a network removes too much.
    pub s_noise: f64,
}

impl Default for EdmStochastic {
    fn default() -> Self {
        let layout = StepLayoutConfig::default();
        Self { steps: None, layout, s_churn: 40.0, s_min: 0.05, s_max: 50.0, s_noise: 1.003 }
    }
}

impl SamplerSettings for EdmStochastic {
    fn sampler(&self) -> Box<dyn Sampler> {
        Box::new(Solver { settings: self.clone(), steps: 1 })
    }
}

/// The sampler with the number of steps of its chain.
#[derive(Debug)]
struct Solver {
    settings: EdmStochastic,
    steps: usize,
}

impl Sampler for Solver {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        let EdmStochastic { s_churn, s_min, s_max, s_noise, .. } = self.settings;
        require(s_churn >= 0.0 && s_churn.is_finite(), "EdmStochastic.s_churn", "at least 0", s_churn)?;
        require(s_noise >= 0.0 && s_noise.is_finite(), "EdmStochastic.s_noise", "at least 0", s_noise)?;
        require(s_min >= 0.0 && s_min <= s_max, "EdmStochastic.s_min", "from 0 to s_max", s_min)?;
        let times = self.settings.layout.times(process, self.settings.steps)?;
        self.steps = times.len() - 1;
        Ok(times)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        require_steps_back(process, from, to, false)?;
        let EdmStochastic { s_churn, s_min, s_max, s_noise, .. } = self.settings;
        let sigma = process.noise(from) / process.signal(from);
        let gamma = (s_churn / self.steps as f64).min(2.0_f64.sqrt() - 1.0);
        let raised = process.time_of_log_snr(-2.0 * ((1.0 + gamma) * sigma).ln());
        if to == 0.0 || gamma == 0.0 || !(s_min..=s_max).contains(&sigma) || raised <= from {
            return Heun::default().step(denoiser, process, x, from, to);
        }
        // What the process has at that time, which is less than sigma_hat at its end.
        let sigma_hat = process.noise(raised) / process.signal(raised);
        let added = (sigma_hat.powi(2) - sigma.powi(2)).max(0.0).sqrt() * s_noise;
        let y = x / process.signal(from) + added * x.randn_like();
        Heun::default().step(denoiser, process, &(process.signal(raised) * y), raised, to)
    }
}
