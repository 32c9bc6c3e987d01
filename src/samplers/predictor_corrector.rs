//! `PredictorCorrector`: a step of another sampler, then Langevin dynamics at the new noise level.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use super::direction::require_steps_back;
use super::exponential::finite_step;
use super::langevin::score;
use super::{ReverseDiffusion, Sampler, SamplerConfig, SamplerSettings, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::{Error, Result, require};
use crate::process::Process;

/// Predictor-corrector sampling: after each step of a predictor, some steps of Langevin dynamics, which bring the samples closer to the
/// distribution that they should have at that time.
///
/// ```text
/// x <- predictor's step to the time to
/// repeat: g = score(x, to),   z ~ N(0, I)
///         step = 2 alpha ( r |z| / |g| )^2
///         x <- x + step g + sqrt(2 step) z
/// ```
/// Song et al. 2021, algorithm 1 with the correctors of algorithms 4 and 5; the default predictor is theirs, [`ReverseDiffusion`]. As in their code, `|z|` and `|g|` are the means of the norms over the
/// batch, so that samples depend on the others of their batch. `alpha = ( a(to) / a(next) )^2` is that of the forward step to the time `to`, where `next` is the time after it; 1 if
/// the process keeps the signal. The samples at `t = 0` are not corrected, nor those of a step from almost pure noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PredictorCorrector {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// How the steps are spaced.
    pub layout: StepLayoutConfig,
    /// The predictor: any other sampler, with these steps and this layout in place of its own.
    pub predictor: Box<SamplerConfig>,
    /// The number of Langevin steps after each of the predictor's.
    pub corrections: usize,
    /// `r`, above 0: the ratio of the corrector's drift to its noise.
    pub snr: f64,
}

impl Default for PredictorCorrector {
    fn default() -> Self {
        let predictor = Box::new(ReverseDiffusion::default().into());
        Self { steps: None, layout: StepLayoutConfig::default(), predictor, corrections: 1, snr: 0.16 }
    }
}

impl PredictorCorrector {
    /// The predictor, with the steps and the layout of this sampler.
    fn laid_out(&self) -> Result<SamplerConfig> {
        if matches!(*self.predictor, SamplerConfig::PredictorCorrector(_)) {
            let expected = "a sampler that is not itself a predictor-corrector";
            return Err(Error::config("PredictorCorrector.predictor", expected, self.predictor.name()));
        }
        let default = SamplerConfig::from_name(self.predictor.name())?;
        for setting in ["steps", "layout"] {
            let of = |config: &SamplerConfig| in_file(config)[setting].clone();
            if of(&self.predictor) != of(&default) {
                let expected = "a sampler without steps and layout of its own: set those of PredictorCorrector";
                let got = format!("{} with {setting} {}", self.predictor.name(), of(&self.predictor));
                return Err(Error::config("PredictorCorrector.predictor", expected, got));
            }
        }
        self.predictor.with_setting("steps", json!(self.steps))?.with_setting("layout", json!(self.layout))
    }
}

fn in_file(config: &SamplerConfig) -> Value {
    serde_json::to_value(config).unwrap_or_default()
}

impl SamplerSettings for PredictorCorrector {
    fn sampler(&self) -> Box<dyn Sampler> {
        Box::new(Corrected { settings: self.clone(), predictor: self.predictor.sampler(), times: Vec::new() })
    }
}

/// The sampler with the predictor of its chain.
#[derive(Debug)]
struct Corrected {
    settings: PredictorCorrector,
    predictor: Box<dyn Sampler>,
    times: Vec<f64>,
}

impl Corrected {
    /// `alpha` of the forward step to this time.
    fn alpha(&self, process: &dyn Process, to: f64) -> f64 {
        let next = self.times.iter().find(|t| **t < to).copied().unwrap_or(0.0);
        (process.signal(to) / process.signal(next)).powi(2)
    }
}

impl Sampler for Corrected {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        let snr = self.settings.snr;
        require(snr > 0.0 && snr.is_finite(), "PredictorCorrector.snr", "above 0", snr)?;
        self.predictor = self.settings.laid_out()?.sampler();
        self.times = self.predictor.times(process)?;
        Ok(self.times.clone())
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let PredictorCorrector { corrections, snr, .. } = self.settings;
        require_steps_back(process, from, to, corrections == 0)?;
        let Step { mut x, predicted_x0 } = self.predictor.step(denoiser, process, x, from, to)?;
        if finite_step(process, from, to).is_some() {
            let alpha = self.alpha(process, to);
            for _ in 0..corrections {
                let g = score(&denoiser.denoise(&x, to)?, process, to);
                x = corrected(&x, &g, alpha, snr);
            }
        }
        Ok(Step { x, predicted_x0 })
    }
}

/// A step of the corrector along the score `g`.
fn corrected(x: &Tensor, g: &Tensor, alpha: f64, snr: f64) -> Tensor {
    let z = x.randn_like();
    let ratio: Tensor = snr * mean_norm(&z) / mean_norm(g);
    // A score of 0, as of a network that has learned nothing, sets no scale.
    let step: Tensor = (2.0 * alpha * ratio.square()).nan_to_num(0.0, 0.0, 0.0);
    let width: Tensor = 2.0 * &step;
    x + step * g + width.sqrt() * z
}

/// The mean of the norms of the samples, `[]`.
fn mean_norm(x: &Tensor) -> Tensor {
    x.flatten(1, -1).square().sum_dim_intlist([1].as_slice(), false, x.kind()).sqrt().mean(None::<Kind>)
}
