//! `Bound`: the variational bound on the likelihood of a model, term by term.

use tch::{Kind, Tensor, no_grad_guard};

use super::require_gaussian_noise;
use super::terms::{Values, gaussian_kl, sum_of_each};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::{Error, Result};
use crate::process::{Posterior, Process};
use crate::random::{Draws, Stream};
use crate::samplers::{ReverseVariance, StepLayoutConfig};

/// The bound on the negative log likelihood of samples under ancestral sampling, with given steps and variance.
///
/// ```text
/// - ln p(x_0) <= L_T + sum_t L_{t-1} + L_0
/// L_T     = KL( q(x_T | x_0) || p(x_T) )
/// L_{t-1} = KL( q(x_{t-1} | x_t, x_0) || p_theta(x_{t-1} | x_t) )
/// L_0     = - ln p_theta(x_0 | x_1)
/// ```
/// Ho et al. 2020, equation 5. With fewer steps it is the bound of the strided sampler.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bound {
    /// The number of steps; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// How the steps are spaced.
    pub layout: StepLayoutConfig,
    /// The variance of the reverse steps.
    pub variance: ReverseVariance,
}

/// One term of the bound.
#[derive(Debug)]
pub struct Term {
    /// The time from which the reverse step goes; for `L_T`, the end of the process.
    pub t: f64,
    /// The time to which it goes: 0 for `L_0`; `None` for `L_T`, which has no step.
    pub to: Option<f64>,
    /// Its value for each sample, in nats: `[N]`, f64.
    pub nats: Tensor,
}

impl Bound {
    /// With all steps of the process, and this variance.
    pub fn with_variance(variance: ReverseVariance) -> Self {
        Self { variance, ..Self::default() }
    }

    /// The terms for the samples `x0`: `L_T`, then those of the steps from the last time to the first. Each step has its own noise, which
    /// follows from the seed alone.
    ///
    /// # Shapes
    /// `x0`: `[N, …]`, in f32 or f64.
    ///
    /// # Errors
    /// Those of the layout; [`Error::Unsupported`] for a layout that does not start at the end of the process, and for noise that is not Gaussian;
    /// [`Error::Config`] for images that are not bytes.
    pub fn terms<'a>(
        &self,
        denoiser: &'a dyn Denoiser,
        process: &'a dyn Process,
        x0: &Tensor,
        seed: u64,
    ) -> Result<Terms<'a>> {
        let noise = move |step: u64, like: &Tensor| {
            Draws::new(seed, Stream::Likelihood, step).normal(&like.size(), like.device()).to_kind(like.kind())
        };
        self.terms_with(denoiser, process, x0, Box::new(noise))
    }

    /// As [`Bound::terms`], with noise from a function of the number of the step and of `x0`, whose shape it has.
    ///
    /// # Errors
    /// As there.
    pub fn terms_with<'a>(
        &self,
        denoiser: &'a dyn Denoiser,
        process: &'a dyn Process,
        x0: &Tensor,
        noise: Noise<'a>,
    ) -> Result<Terms<'a>> {
        require_gaussian_noise(process)?;
        let times = self.layout.times(process, self.steps)?;
        if times.first() != Some(&process.end()) {
            return Err(Error::Unsupported(format!(
                "the bound has to start at the end of the process, {}, and the layout {} starts at {:?}: use \"trailing\" or \"quadratic\"",
                process.end(),
                self.layout.name(),
                times.first()
            )));
        }
        let (variance, values) = (self.variance, Values::of(x0));
        values.check(x0)?;
        Ok(Terms { denoiser, process, x0: x0.shallow_clone(), values, variance, times, noise, next: 0 })
    }
}

/// The noise of a step, by its number, shaped like a tensor.
type Noise<'a> = Box<dyn Fn(u64, &Tensor) -> Tensor + 'a>;

/// The terms of a bound, as an iterator: one pass through the network for each step.
pub struct Terms<'a> {
    denoiser: &'a dyn Denoiser,
    process: &'a dyn Process,
    x0: Tensor,
    values: Values,
    variance: ReverseVariance,
    times: Vec<f64>,
    noise: Noise<'a>,
    /// 0 for `L_T`, `k` for the step from `times[k - 1]` to `times[k]`.
    next: usize,
}

impl Terms<'_> {
    /// `L_T`: what is left of the data at the end of the process.
    fn prior(&self) -> Term {
        let end = self.process.end();
        let variance = |std: f64| Tensor::from(std.powi(2)).to_kind(self.x0.kind());
        let (of_x_t, of_prior) = (variance(self.process.noise(end)), variance(self.process.noise_at_end()));
        let nats = sum_of_each(&gaussian_kl(&(self.process.signal(end) * &self.x0), &of_x_t, &of_prior));
        Term { t: end, to: None, nats }
    }

    /// `L_{t-1}`, or `L_0` if the step goes to 0.
    fn step(&self, step: usize) -> Result<Term> {
        let (t, to) = (self.times[step - 1], self.times[step]);
        let eps = (self.noise)(step as u64, &self.x0);
        let x_t = self.process.signal(t) * &self.x0 + self.process.noise(t) * eps;
        let seen = self.denoiser.denoise(&x_t, t)?;
        let nats = self.values.of_step(self.process, &self.x0, &seen, self.variance, [t, to])?;
        Ok(Term { t, to: Some(to), nats: sum_of_each(&nats) })
    }
}

impl Values {
    /// The term of the step from `t` to `to`, for each number.
    fn of_step(
        self,
        process: &dyn Process,
        x0: &Tensor,
        seen: &Denoised,
        variance: ReverseVariance,
        [t, to]: [f64; 2],
    ) -> Result<Tensor> {
        let variance = variance.variance(process, t, to, seen)?;
        if to == 0.0 {
            return Ok(self.negative_log_likelihood(x0, &seen.x0, &variance));
        }
        let posterior = Posterior::of(process, t, to);
        let smallest = Tensor::from(posterior.variance).to_kind(x0.kind());
        Ok(gaussian_kl(&(posterior.of_x0 * (x0 - &seen.x0)), &smallest, &variance))
    }
}

impl Iterator for Terms<'_> {
    type Item = Result<Term>;

    fn next(&mut self) -> Option<Self::Item> {
        let _no_grad = no_grad_guard();
        let term = match self.next {
            0 => Ok(self.prior()),
            step if step < self.times.len() => self.step(step),
            _ => return None,
        };
        self.next = if term.is_ok() { self.next + 1 } else { self.times.len() };
        Some(term)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.times.len() - self.next.min(self.times.len());
        (left, Some(left))
    }
}

impl ExactSizeIterator for Terms<'_> {}

/// The bound as a whole: the sum of its terms.
#[derive(Debug)]
pub struct Likelihood {
    /// `L_T` first, then the steps from the last time to the first.
    pub terms: Vec<Term>,
    /// The numbers of a sample.
    pub dimensions: i64,
}

impl Likelihood {
    /// Adds up all terms.
    ///
    /// # Errors
    /// Those of the denoiser.
    pub fn of(terms: impl IntoIterator<Item = Result<Term>>, x0: &Tensor) -> Result<Self> {
        let dimensions = x0.size().iter().skip(1).product();
        Ok(Self { terms: terms.into_iter().collect::<Result<_>>()?, dimensions })
    }

    /// The bound on `- ln p(x_0)` of each sample, in nats: `[N]`, f64.
    pub fn of_each(&self) -> Tensor {
        let nats: Vec<Tensor> = self.terms.iter().map(|term| term.nats.shallow_clone()).collect();
        Tensor::stack(&nats, 0).sum_dim_intlist([0].as_slice(), false, Kind::Double)
    }

    /// The mean over the samples, in nats for a whole sample.
    pub fn nats(&self) -> f64 {
        self.of_each().mean(Kind::Double).double_value(&[])
    }

    /// The standard error of that mean; NaN for a single sample.
    pub fn standard_error(&self) -> f64 {
        let each = self.of_each();
        each.std(true).double_value(&[]) / (each.numel() as f64).sqrt()
    }

    /// Nats for a whole sample in bits per dimension, as the literature on images reports them: divided by `ln 2` and by the numbers of a
    /// sample.
    pub fn bits_per_dimension(&self, nats: f64) -> f64 {
        nats / (std::f64::consts::LN_2 * self.dimensions as f64)
    }
}
