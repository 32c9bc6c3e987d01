//! `ddpm likelihood`: how likely data is under a model, as the variational bound, in total and by timestep; or by the ODE.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ddpm_tutor::likelihood::Likelihood as Value;
use ddpm_tutor::metrics::fresh_points;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::json;

use crate::likelihood_by_ode::ByOde;
use crate::list::{choice, entry};
use crate::model::{DataFolder, ModelOptions};
use crate::npy::read_samples;
use crate::say::{note, say};

/// The steps of a process in continuous time, if none are given.
const STEPS: usize = 1000;
/// Points of fresh data, if no number is given.
const POINTS: usize = 2_000;
/// The parts into which the steps are divided for the table.
const PARTS: usize = 10;

/// The tolerance of the ODE, that of Song et al. 2021.
const TOLERANCE: f64 = 1e-5;

/// What is computed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// The variational bound of ancestral sampling
    Bound,
    /// The likelihood itself, by the change of variables along the probability-flow ODE
    Ode,
}

/// Prints the bound on the negative log likelihood of the model's data, or of given samples: in bits per dimension for images, which are
/// taken as bytes, and in nats for points, whose likelihood is a density. Fewer steps are faster, and give a looser bound. With --by ode it is the
/// likelihood itself, that of samples drawn by the probability-flow ODE. A model with classes is asked without a label.
#[derive(Args)]
pub struct Likelihood {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    data: DataFolder,
    /// The samples: a .npy file of shape [N, D] or [N, C, H, W], float32 or float64; by default held-out images or fresh points
    #[arg(long, value_name = "FILE")]
    x: Option<PathBuf>,
    /// The most samples to use; by default all that are held out, or 2000 points
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    n: Option<i64>,
    /// Compute the variational bound, or the likelihood by the ODE
    #[arg(long, value_enum, default_value_t = By::Bound)]
    by: By,
    /// With --by ode: the relative and absolute tolerance of the solver; by default 1e-5
    #[arg(long, value_name = "TOLERANCE")]
    tolerance: Option<f64>,
    /// With --by ode: estimate the divergence with this many random directions; by default it is exact, or estimated with 1 for samples of more than 256
    /// numbers
    #[arg(long, value_name = "N")]
    probes: Option<usize>,
    /// The number of steps; by default all steps of the process, or 1000 in continuous time
    #[arg(long, value_name = "K")]
    steps: Option<usize>,
    /// How the steps are spaced (`ddpm list layouts`)
    #[arg(long, alias = "spacing", value_name = "NAME", value_parser = entry(StepLayoutConfig::ENTRIES, StepLayoutConfig::from_name))]
    layout: Option<StepLayoutConfig>,
    /// The variance of the reverse steps; by default learned if the model predicts it, otherwise analytic
    #[arg(long, value_parser = choice::<ReverseVariance>())]
    variance: Option<ReverseVariance>,
    /// Whether to clip the predicted x_0 to [-1, 1], the range of images; by default as in the model's configuration
    #[arg(long, value_name = "BOOL")]
    clip_denoised: Option<bool>,
    /// The seed of the noise, and of fresh data
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Print the result, with every term, as JSON
    #[arg(long)]
    json: bool,
}

impl Likelihood {
    pub fn run(self) -> Result<()> {
        self.check_options()?;
        let (manager, model, process) = self.model.load()?;
        let coupling = manager.config().training.objective.coupling();
        if let Some(coupling) = coupling.filter(|_| self.by == By::Bound) {
            let problem = format!(
                "the bound is that of a diffusion, and with the coupling {:?} the noise of {} belongs to the data: use --by ode",
                coupling.name(),
                manager.name()
            );
            return Err(Error::Unsupported(problem));
        }
        let learns_variance =
            matches!(manager.config().training.parameterization, ParameterizationConfig::LearnedVariance(_));
        let default = if learns_variance { ReverseVariance::Learned } else { ReverseVariance::Analytic };
        let bound = Bound {
            steps: self.steps.or(process.steps().is_none().then_some(STEPS)),
            layout: self.layout.clone().unwrap_or_else(|| layout_for(&*process)),
            variance: self.variance.unwrap_or(default),
        };
        let (x0, of_what) = self.samples(&manager)?;
        let x0 = x0.to_device(model.device());
        let denoiser = model.denoiser(&*process);
        let clipped = Clipped::new(&denoiser, &*process);
        // Clipping makes the velocity jump, and the divergence as large as 1 / s.
        let clips = self.by == By::Bound && self.clip_denoised.unwrap_or(model.sampling().clip_denoised);
        let seen: &dyn Denoiser = if clips { &clipped } else { &denoiser };
        if self.by == By::Ode {
            let (tolerance, name) = (self.tolerance.unwrap_or(TOLERANCE), manager.name());
            let known = manager.config().base.dataset.nats(&x0)?;
            let by_ode = ByOde { name, of_what: &of_what, tolerance, probes: self.probes, seed: self.seed, known };
            return by_ode.run(seen, &*process, &x0, self.json);
        }
        let terms = bound.terms(seen, &*process, &x0, self.seed)?;
        let found = Value::of(progress("likelihood", terms), &x0)?;
        if self.json {
            self.say_json(&manager, &bound, &x0, &found)
        } else {
            say_table(&manager, &of_what, &bound, &x0, &found)
        }
    }

    /// Rejects options of the other way to compute it.
    fn check_options(&self) -> Result<()> {
        let (given, advice) = match self.by {
            By::Bound => (
                vec![("--tolerance", self.tolerance.is_some()), ("--probes", self.probes.is_some())],
                "is for --by ode; the bound has --steps, --layout and --variance",
            ),
            By::Ode => (
                vec![
                    ("--steps", self.steps.is_some()),
                    ("--layout", self.layout.is_some()),
                    ("--variance", self.variance.is_some()),
                    ("--clip-denoised", self.clip_denoised.is_some()),
                ],
                "is for --by bound; the ODE has --tolerance and --probes, and its data is never clipped",
            ),
        };
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => Err(Error::Unsupported(format!("{option} {advice}"))),
            None => Ok(()),
        }
    }

    /// The samples, and what they are.
    fn samples(&self, manager: &ModelManager) -> Result<(Tensor, String)> {
        let first = |all: Tensor| match self.n {
            Some(n) => all.narrow(0, 0, n.min(all.size()[0])),
            None => all,
        };
        if let Some(file) = &self.x {
            if self.data.is_given() {
                note("warning: --data-dir has no effect: the samples are those of --x");
            }
            return Ok((first(read_samples(file)?.to_kind(Kind::Float)), format!("samples of {}", file.display())));
        }
        let dataset = self.data.dataset(manager.config())?;
        if !dataset.is_images() {
            let n = self.n.map_or(POINTS, |n| n as usize);
            return Ok((fresh_points(&dataset, n as i64, self.seed)?, format!("fresh points of {}", dataset.name())));
        }
        let held_out = self.data.dataloader(manager.config())?.held_out_batch().ok_or_else(|| {
            let problem = format!("{} was trained on all of its images: give others with --x", manager.name());
            Error::Unsupported(problem)
        })?;
        Ok((first(held_out.x0), format!("held-out images of {}", dataset.name())))
    }

    fn say_json(&self, manager: &ModelManager, bound: &Bound, x0: &Tensor, found: &Value) -> Result<()> {
        let mean = |term: &Term| term.nats.mean(Kind::Double).double_value(&[]);
        let bits = |nats: f64| found.bits_per_dimension(nats);
        let terms: Vec<_> = found
            .terms
            .iter()
            .map(|term| json!({ "t": term.t, "to": term.to, "nats": mean(term), "bits_per_dimension": bits(mean(term)) }))
            .collect();
        let finite = |value: f64| value.is_finite().then_some(value);
        say(json!({
            "model": manager.name(), "n": x0.size()[0], "seed": self.seed, "by": "bound", "steps": found.terms.len() - 1, "layout": bound.layout,
            "variance": bound.variance, "values": Values::of(x0), "dimensions": found.dimensions, "nats": found.nats(),
            "standard_error": finite(found.standard_error()), "bits_per_dimension": bits(found.nats()), "terms": terms,
        }))
    }
}

/// Equal steps in the logarithm of the signal-to-noise ratio suit processes in continuous time, if it is finite at their end.
fn layout_for(process: &dyn Process) -> StepLayoutConfig {
    let is_finite = process.log_snr(process.end()).is_finite();
    if process.steps().is_none() && is_finite { LogSnr.into() } else { StepLayoutConfig::default() }
}

/// Prints the total, and the terms in a few parts.
fn say_table(manager: &ModelManager, of_what: &str, bound: &Bound, x0: &Tensor, found: &Value) -> Result<()> {
    let steps = found.terms.len() - 1;
    let (nats, error, n) = (found.nats(), found.standard_error(), x0.size()[0]);
    let variance = json!(bound.variance);
    let of_a_sample = format!("{nats:.4} ± {error:.4} nats");
    let total = match Values::of(x0) {
        Values::Bytes => format!("{:.4} bits per dimension ({of_a_sample} a sample)", found.bits_per_dimension(nats)),
        Values::Continuous => format!("{of_a_sample} a sample"),
    };
    let (name, variance) = (manager.name(), variance.as_str().unwrap_or_default());
    say(format!("{name}, {n} {of_what}, {steps} steps, variance {variance}: - ln p is at most {total}"))?;
    let shown = |nats: f64| match Values::of(x0) {
        Values::Bytes => found.bits_per_dimension(nats),
        Values::Continuous => nats,
    };
    let sum = |terms: &[Term]| shown(terms.iter().map(|term| term.nats.mean(Kind::Double).double_value(&[])).sum());
    say(format!("{:<24} {:>10.5}", "L_T", sum(&found.terms[..1])))?;
    let inner = &found.terms[1..steps];
    for part in inner.chunks(inner.len().div_ceil(PARTS).max(1)) {
        let (first, last) = (&part[0], &part[part.len() - 1]);
        say(format!("{:<24} {:>10.5}", format!("t = {:.4} to {:.4}", first.t, last.t), sum(part)))?;
    }
    say(format!("{:<24} {:>10.5}", "L_0", sum(&found.terms[steps..])))
}
