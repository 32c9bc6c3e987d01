//! `LearnedTimes`: the times of a sampler, learned by gradient from the quality of its samples.

use std::ops::ControlFlow;

use serde_json::json;
use tch::Tensor;

use crate::denoisers::Denoiser;
use crate::error::{Error, Result, require};
use crate::metrics::{Metric, MetricConfig, Mmd};
use crate::process::Process;
use crate::random::{Stream, derive, seed_libtorch};
use crate::samplers::{ChainState, Knots, SamplerConfig, StepLayoutConfig, run_chain};

/// The change of a parameter for a central difference: far above the rounding errors of samples in f32.
const DIFFERENCE: f64 = 0.02;

/// The shortest step, as a share of the longest one, so that the times stay distinct.
const SHORTEST: f64 = 1e-9;

/// Learns the times of any sampler that has a layout, by gradient descent on the distance between its samples and data.
///
/// ```text
/// minimize over theta:  d( samples with t(theta), data ),   length of step k / T = softmax(theta)_k
/// ```
/// Watson et al. 2022 (DDSS) differentiate the KID through all steps of the sampler with automatic differentiation. The
/// times here are numbers that networks take without gradients, and there are only a few of them: the gradient consists of
/// central differences. Every chain starts from the same noise and has the same seed, so that the differences come from the
/// times alone. The descent is that of Adam (Kingma & Ba 2015, algorithm 1), with a learning rate that falls linearly to 0.
///
/// An iteration draws `2 steps + 1` sets of samples. Samples and data are compared as vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnedTimes {
    /// The sampler. The descent starts from the times of its layout.
    pub sampler: SamplerConfig,
    /// The number of steps.
    pub steps: usize,
    /// The number of iterations.
    pub iterations: usize,
    /// The learning rate: at first, the logarithms of the step lengths change by about as much in each iteration.
    pub learning_rate: f64,
    /// The distance, of which lower values have to be better. Without a bandwidth, that of [`Mmd`] is
    /// [fitted](Mmd::fitted) to the data, since it must not depend on the samples.
    pub metric: MetricConfig,
    /// The seed of the noise that the sampler adds.
    pub seed: u64,
}

/// The times that were learned.
#[derive(Debug, Clone, PartialEq)]
pub struct TimesFound {
    /// Those with the lowest loss, from the end of the process to 0.
    pub times: Vec<f64>,
    /// The sampler with these times, in a [`Knots`] layout.
    pub sampler: SamplerConfig,
    /// The loss at the start and after each iteration.
    pub losses: Vec<f64>,
}

impl LearnedTimes {
    /// For this sampler and number of steps: 40 iterations on the MMD.
    pub fn new(sampler: impl Into<SamplerConfig>, steps: usize) -> Self {
        let metric = Mmd::default().into();
        Self { sampler: sampler.into(), steps, iterations: 40, learning_rate: 0.2, metric, seed: 0 }
    }

    /// Learns the times with which the samples drawn from `noise`, `x_T`, are closest to `data`. `observer` receives the
    /// number of the iteration and its loss, and can end the descent. libtorch's generator is seeded for each chain.
    ///
    /// # Shapes
    /// `data`: `[M, …]`, `noise`: `[N, …]`, in f32 or f64.
    ///
    /// # Errors
    /// [`Error::Config`] for an invalid setting; errors of the layout, the denoiser and the metric.
    pub fn learn(
        &self,
        denoiser: &dyn Denoiser,
        process: &dyn Process,
        data: &Tensor,
        noise: &Tensor,
        observer: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
    ) -> Result<TimesFound> {
        let valid = self.learning_rate > 0.0 && self.learning_rate.is_finite();
        require(valid, "LearnedTimes.learning_rate", "above 0", self.learning_rate)?;
        require_samples("data", data)?;
        require_samples("noise", noise)?;
        let data = data.flatten(1, -1);
        let metric = self.metric_on(&data)?;
        let loss = |logits: &[f64]| {
            let mut sampler = self.visiting(knots_of(logits))?.sampler();
            seed_libtorch(derive(self.seed, Stream::StepSearch, 1));
            let observer = &mut |_: &ChainState| ControlFlow::Continue(());
            let samples = run_chain(&mut *sampler, denoiser, process, noise.shallow_clone(), observer)?;
            metric.compare(&samples.flatten(1, -1), &data)
        };
        let (mut logits, mut losses) = (self.first_logits(process)?, Vec::new());
        let (mut best, mut lowest) = (logits.clone(), f64::INFINITY);
        let mut adam = Adam::new(logits.len());
        for i in 0..=self.iterations {
            let now = loss(&logits)?;
            losses.push(now);
            if now < lowest {
                (best, lowest) = (logits.clone(), now);
            }
            if observer(i, now).is_break() || i == self.iterations {
                break;
            }
            let left = 1.0 - i as f64 / self.iterations as f64;
            let slopes = gradient(&loss, &logits)?;
            adam.step(&mut logits, &slopes, self.learning_rate * left);
        }
        let sampler = self.visiting(knots_of(&best))?;
        Ok(TimesFound { times: sampler.sampler().times(process)?, sampler, losses })
    }

    fn metric_on(&self, data: &Tensor) -> Result<Box<dyn Metric>> {
        let metric = match &self.metric {
            MetricConfig::Mmd(Mmd { bandwidth: None }) => Mmd::fitted(data)?.into(),
            other => other.clone(),
        };
        let built = metric.build();
        let lower = built.lower_is_better();
        require(lower, "LearnedTimes.metric", "a metric of which lower values are better", metric.name())?;
        Ok(built)
    }

    /// The sampler with this layout.
    fn visiting(&self, knots: Knots) -> Result<SamplerConfig> {
        let layout = StepLayoutConfig::from(knots);
        self.sampler.with_setting("steps", json!(self.steps))?.with_setting("layout", json!(layout))
    }

    /// The parameters at which the sampler has the times of its own layout, except that it starts at the end.
    fn first_logits(&self, process: &dyn Process) -> Result<Vec<f64>> {
        let mut times = self.sampler.with_setting("steps", json!(self.steps))?.sampler().times(process)?;
        times[0] = process.end();
        Ok(times.windows(2).map(|pair| ((pair[0] - pair[1]) / process.end()).ln()).collect())
    }
}

/// The knots between steps whose lengths have the proportions `exp(logit)`, the first of them from the end.
fn knots_of(logits: &[f64]) -> Knots {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let lengths: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp().max(SHORTEST)).collect();
    let (total, mut reached) = (lengths.iter().sum::<f64>(), 0.0);
    let mut knot = |length: &f64| {
        reached += length / total;
        reached
    };
    Knots { knots: lengths[1..].iter().rev().map(&mut knot).collect() }
}

fn require_samples(what: &'static str, x: &Tensor) -> Result<()> {
    if x.dim() >= 2 {
        return Ok(());
    }
    Err(Error::Shape { what, expected: "[N, …]".to_owned(), got: x.size() })
}

/// Central differences in each parameter.
fn gradient(loss: &dyn Fn(&[f64]) -> Result<f64>, at: &[f64]) -> Result<Vec<f64>> {
    let changed = |k: usize, by: f64| {
        let mut parameters = at.to_vec();
        parameters[k] += by;
        loss(&parameters)
    };
    let slope = |k| Ok((changed(k, DIFFERENCE)? - changed(k, -DIFFERENCE)?) / (2.0 * DIFFERENCE));
    (0..at.len()).map(slope).collect()
}

/// Adam on a few numbers, with its usual decay rates.
struct Adam {
    step: i32,
    mean: Vec<f64>,
    square: Vec<f64>,
}

impl Adam {
    fn new(parameters: usize) -> Self {
        Self { step: 0, mean: vec![0.0; parameters], square: vec![0.0; parameters] }
    }

    fn step(&mut self, parameters: &mut [f64], gradient: &[f64], learning_rate: f64) {
        let (of_mean, of_square) = (0.9_f64, 0.999_f64);
        self.step += 1;
        let (scale_of_mean, scale_of_square) = (1.0 - of_mean.powi(self.step), 1.0 - of_square.powi(self.step));
        for (k, slope) in gradient.iter().enumerate() {
            self.mean[k] = of_mean * self.mean[k] + (1.0 - of_mean) * slope;
            self.square[k] = of_square * self.square[k] + (1.0 - of_square) * slope * slope;
            let size = (self.square[k] / scale_of_square).sqrt().max(f64::MIN_POSITIVE);
            parameters[k] -= learning_rate * self.mean[k] / scale_of_mean / size;
        }
    }
}
