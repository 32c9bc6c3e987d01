//! `OdeLikelihood`: the likelihood of a model by the change of variables along the probability-flow ODE.

use std::f64::consts::{LN_2, TAU};

use tch::{Kind, Tensor, no_grad_guard, with_grad};

use super::terms::Values;
use crate::denoisers::Denoiser;
use crate::divergence::{Order, divergence, divergence_along};
use crate::error::{Error, Result, require};
use crate::ode::DormandPrince;
use crate::process::{GAUSSIAN, Process};
use crate::random::{Draws, Stream};
use crate::samplers::PathVariable;

/// The negative log likelihood of samples under the model that draws `x_T` from the prior and follows the probability-flow ODE back: not a bound,
/// but the likelihood, up to the tolerance.
///
/// ```text
/// dx/dt = v(x, t) = a'(t) x_0 + s'(t) eps,   x(t_0) = a(t_0) x_0
/// ln p(x_0) = ln p_T( x(T) ) + integral from t_0 to T of div v( x(t), t ) dt + D ln a(t_0)
/// ```
/// Song et al. 2021, section 4.3 and appendix D.2; the instantaneous change of variables of Chen et al. 2018. `p_T = N(0, noise_at_end^2 I)`, and
/// the density is that of `x_0` with the noise of the time `t_0`, which is `s(t_0) / a(t_0)` wide.
#[derive(Debug, Clone, PartialEq)]
pub struct OdeLikelihood {
    /// The relative tolerance of the solver, above 0. The path of each sample keeps to it; for the integral of the divergence it is the root mean
    /// square over the samples that does, to tenfold the tolerance.
    pub rtol: f64,
    /// The absolute tolerance, above 0.
    pub atol: f64,
    /// The number of random directions that estimate the divergence; `None` for the exact one, which takes a backward pass for each number of a
    /// sample, of which there may be 256. The directions follow from the seed and stay the same along the path. The estimate is unbiased.
    pub probes: Option<usize>,
    /// `t_0`; `None` for 1e-5 of the process, as in the paper, or for step 1 of a process with steps, whose first noise is the least that its
    /// networks know.
    pub start: Option<f64>,
}

impl Default for OdeLikelihood {
    fn default() -> Self {
        Self::with_tolerance(1e-5)
    }
}

/// The negative log likelihood of some samples.
#[derive(Debug)]
pub struct OdeNats {
    /// `- ln p(x_0)` of each sample, in nats: `[N]`, f64. For images of bytes, an upper bound of it in expectation. The tolerance is that of their
    /// mean; single samples have larger errors.
    pub nats: Tensor,
    /// `x(T)`, the code of each sample: `[N, …]`, f64. It depends on the density alone, whatever network has learned that.
    pub codes: Tensor,
    /// The numbers of a sample.
    pub dimensions: i64,
    /// How often the denoiser was called, for all batches together.
    pub calls: u64,
    /// The number of rejected steps.
    pub rejected: u64,
}

/// Numbers in a batch, which bounds the memory for the gradients: those of 32 images of 32 x 32 in color.
const BATCH: i64 = 32 * 3 * 32 * 32;

impl OdeLikelihood {
    /// The most numbers of a sample for the exact divergence.
    pub const MOST_EXACT: i64 = 256;

    /// With the exact divergence, and this relative and absolute tolerance.
    pub fn with_tolerance(tolerance: f64) -> Self {
        Self { rtol: tolerance, atol: tolerance, probes: None, start: None }
    }

    /// The negative log likelihood of the samples `x0`. Images have to be bytes: uniform noise within the interval of each byte makes them real
    /// numbers, and the density becomes a probability.
    ///
    /// ```text
    /// - ln P(x_0) <= E[ - ln p(x_0 + u) ] - D ln w,   u ~ U( -w/2, w/2 ),   w = 2/255
    /// ```
    /// Theis et al. 2016, equation 4. The denoiser should not be [clipped](crate::denoisers::Clipped): where the prediction is cut off, the
    /// divergence is of the order of `1 / s`.
    ///
    /// # Shapes
    /// `x0`: `[N, …]`, in f32 or f64. The path is computed in f64.
    ///
    /// # Errors
    /// [`Error::Config`] for invalid settings, samples of too many numbers for the exact divergence, and images that are not bytes;
    /// [`Error::Timestep`] for a start outside the process; [`Error::Unsupported`] for noise that is not Gaussian, or differs between coordinates;
    /// those of the solver and the denoiser.
    pub fn of(&self, denoiser: &dyn Denoiser, process: &dyn Process, x0: &Tensor, seed: u64) -> Result<OdeNats> {
        let batches = self.batches(denoiser, process, x0, seed)?.collect::<Result<Vec<_>>>()?;
        OdeNats::joined(batches, x0)
    }

    /// As [`OdeLikelihood::of`], batch by batch, as many samples at a time as fit into memory. Each batch has its own step lengths.
    ///
    /// # Errors
    /// As there, for invalid settings and samples.
    pub fn batches<'a>(
        &self,
        denoiser: &'a dyn Denoiser,
        process: &'a dyn Process,
        x0: &Tensor,
        seed: u64,
    ) -> Result<OdeBatches<'a>> {
        let start = self.start.unwrap_or(if process.steps().is_some() { 1.0 } else { 1e-5 * process.end() });
        if !(start > 0.0 && start < process.end()) {
            let expected = format!("a start of the ODE above 0 and below {}", process.end());
            return Err(Error::Timestep { expected, got: start.to_string() });
        }
        if process.noise_kind() != GAUSSIAN || !process.is_scalar() {
            return Err(Error::Unsupported(format!(
                "the likelihood by the ODE needs a process that ends with Gaussian noise, the same in all coordinates, and the noise of this \
                 process is {}",
                process.noise_kind()
            )));
        }
        let numbers: i64 = x0.size().iter().skip(1).product();
        if x0.dim() < 2 || numbers == 0 {
            let expected = "[N, …], samples of at least one number".to_owned();
            return Err(Error::Shape { what: "samples for a likelihood", expected, got: x0.size() });
        }
        require(self.probes != Some(0), "OdeLikelihood.probes", "at least 1, or none for the exact divergence", 0)?;
        if self.probes.is_none() && numbers > Self::MOST_EXACT {
            let most = Self::MOST_EXACT;
            let expected =
                format!("a number of probes, since the exact divergence is for samples of at most {most} numbers");
            return Err(Error::config(
                "OdeLikelihood.probes",
                expected,
                format!("none, for samples of {numbers} numbers"),
            ));
        }
        let solver = DormandPrince { rtol: self.rtol, atol: self.atol, first_length: None, integrals: 1 };
        solver.validate()?;
        let values = Values::of(x0);
        values.check(x0)?;
        let size = (BATCH / numbers).max(1);
        let parts = x0.split(size, 0).into_iter().collect();
        Ok(OdeBatches { denoiser, process, solver, probes: self.probes, start, values, parts, seed, next: 0 })
    }
}

/// The likelihood batch by batch, as an iterator.
pub struct OdeBatches<'a> {
    denoiser: &'a dyn Denoiser,
    process: &'a dyn Process,
    solver: DormandPrince,
    probes: Option<usize>,
    start: f64,
    values: Values,
    parts: Vec<Tensor>,
    seed: u64,
    next: usize,
}

impl OdeBatches<'_> {
    fn of_batch(&self, k: usize) -> Result<OdeNats> {
        let x0 = self.parts[k].to_kind(Kind::Double);
        let (shape, device) = (x0.size(), x0.device());
        let (n, dimensions) = (shape[0], shape[1..].iter().product::<i64>());
        let draws = |stream| Draws::new(self.seed, stream, k as u64);
        // ln w for each number, and the samples with their noise.
        let (width, x0) = match self.values {
            Values::Continuous => (0.0, x0),
            Values::Bytes => {
                let within = draws(Stream::Dequantization).uniform(&shape, device).to_kind(Kind::Double) - 0.5;
                ((2.0_f64 / 255.0).ln(), x0 + within * (2.0 / 255.0))
            }
        };
        let mut directions = draws(Stream::Probes);
        let probes: Option<Vec<Tensor>> = self
            .probes
            .map(|count| (0..count).map(|_| directions.signs(&shape, device).to_kind(Kind::Double)).collect());

        let path = PathVariable::of(self.process);
        let velocity = |state: &Tensor, u: f64| {
            let x = state.narrow(1, 0, dimensions).reshape(&shape[..]);
            let x = x.detach().set_requires_grad(true);
            let v = with_grad(|| path.velocity(self.denoiser, &x, u))?;
            let along = |probe: &Tensor| divergence_along(&v, &x, probe, Order::First);
            let divergence = match &probes {
                None => divergence(&v, &x, Order::First)?,
                Some(probes) => {
                    let each = probes.iter().map(along).collect::<Result<Vec<_>>>()?;
                    Tensor::stack(&each, 0).mean_dim(0, false, Kind::Double)
                }
            };
            Ok(Tensor::cat(&[v.detach().flatten(1, -1), divergence.unsqueeze(1)], 1))
        };
        let signal = self.process.signal(self.start);
        let state = Tensor::cat(&[signal * x0.flatten(1, -1), x0.new_zeros([n, 1], (Kind::Double, device))], 1);
        let end = self.solver.integrate(velocity, &state, path.at(self.start), path.at(self.process.end()))?;
        let (codes, integral) = (end.x.narrow(1, 0, dimensions), end.x.select(1, dimensions));

        let variance = self.process.noise_at_end().powi(2);
        let of_prior = codes.square().sum_dim_intlist([1].as_slice(), false, Kind::Double) / (2.0 * variance)
            + dimensions as f64 / 2.0 * (TAU * variance).ln();
        let nats = of_prior - integral - dimensions as f64 * (signal.ln() + width);
        Ok(OdeNats { nats, codes: codes.reshape(&shape[..]), dimensions, calls: end.calls, rejected: end.rejected })
    }
}

impl Iterator for OdeBatches<'_> {
    type Item = Result<OdeNats>;

    fn next(&mut self) -> Option<Self::Item> {
        let k = self.next;
        if k == self.parts.len() {
            return None;
        }
        let _no_grad = no_grad_guard();
        let batch = self.of_batch(k);
        self.next = if batch.is_ok() { k + 1 } else { self.parts.len() };
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.parts.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for OdeBatches<'_> {}

impl OdeNats {
    /// All batches together, in their order. `x0`: the samples.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for no batches.
    pub fn joined(batches: Vec<Self>, x0: &Tensor) -> Result<Self> {
        if batches.is_empty() {
            return Err(Error::Unsupported("there is no likelihood yet: not a single batch was computed".to_owned()));
        }
        let all = |of: &dyn Fn(&Self) -> Tensor| Tensor::cat(&batches.iter().map(of).collect::<Vec<_>>(), 0);
        Ok(Self {
            nats: all(&|batch| batch.nats.shallow_clone()),
            codes: all(&|batch| batch.codes.shallow_clone()),
            dimensions: x0.size().iter().skip(1).product(),
            calls: batches.iter().map(|batch| batch.calls).sum(),
            rejected: batches.iter().map(|batch| batch.rejected).sum(),
        })
    }

    /// The mean over the samples, in nats for a whole sample.
    pub fn mean(&self) -> f64 {
        self.nats.mean(Kind::Double).double_value(&[])
    }

    /// The standard error of that mean; NaN for a single sample.
    pub fn standard_error(&self) -> f64 {
        self.nats.std(true).double_value(&[]) / (self.nats.numel() as f64).sqrt()
    }

    /// Nats for a whole sample in bits per dimension: divided by `ln 2` and by the numbers of a sample.
    pub fn bits_per_dimension(&self, nats: f64) -> f64 {
        nats / (LN_2 * self.dimensions as f64)
    }
}
