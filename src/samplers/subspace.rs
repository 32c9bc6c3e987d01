//! `Subspace`: diffusion in fewer dimensions while there is much noise.

use std::ops::ControlFlow;

use tch::{Kind, Tensor};

use super::chain::walk;
use super::{Chain, ChainState, Sampler, SamplerConfig, Step, Truncated};
use crate::denoisers::Denoiser;
use crate::error::{Error, Result};
use crate::process::{Process, require_gaussian};

/// Subspace diffusion: above the time `t_1` only the coefficients `y = U^T x` in a subspace are sampled, by a denoiser of their own. The noise has
/// hidden what the data has beside the subspace, which is drawn at `t_1` from its Gaussian.
///
/// ```text
/// t > t_1:   y_t = a y_0 + s eps
/// t = t_1:   x = U y + a m + sqrt( s^2 + a^2 v ) ( I - U U^T ) z,   z ~ N(0, I)
/// ```
/// Jing et al. 2022, "Subspace diffusion generative models", sections 3.1 and 3.3. `m` and `v` are the mean and the variance per direction of what
/// the data has beside the subspace.
#[derive(Debug)]
pub struct Subspace {
    /// `U`, `[D, n]`, f64.
    basis: Tensor,
    /// `t_1`
    until: f64,
    /// `m`, `[D]`, f64.
    mean: Tensor,
    /// `v`
    variance: f64,
}

impl Subspace {
    /// The subspace of these directions, for times above `until`, for data that has nothing beside it.
    ///
    /// # Shapes
    /// `basis`: `[D, n]`, `n` orthonormal columns.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape, [`Error::Config`] for columns that are not orthonormal.
    pub fn new(basis: &Tensor, until: f64) -> Result<Self> {
        let basis = basis.to_kind(Kind::Double);
        let &[d, n] = &basis.size()[..] else {
            return Err(Error::Shape { what: "basis of a subspace", expected: "[D, n]".to_owned(), got: basis.size() });
        };
        if !(1..=d).contains(&n) {
            let expected = "[D, n], with n from 1 to D".to_owned();
            return Err(Error::Shape { what: "basis of a subspace", expected, got: basis.size() });
        }
        let options = (Kind::Double, basis.device());
        let off = (basis.tr().matmul(&basis) - Tensor::eye(n, options)).abs().max().double_value(&[]);
        // f32 is exact enough.
        if off.is_nan() || off > 1e-5 {
            let got = format!("U^T U that differs from I by {off:.1e}");
            return Err(Error::config(
                "basis of a subspace",
                "orthonormal columns, such as those of a QR decomposition",
                got,
            ));
        }
        Ok(Self { mean: Tensor::zeros([d], options), basis, until, variance: 0.0 })
    }

    /// The subspace of the first `n` principal components of these samples, with their mean and variance beside it.
    ///
    /// # Shapes
    /// `samples`: `[N, …]`, at least two.
    ///
    /// # Errors
    /// [`Error::Shape`] for fewer samples; [`Error::Config`] for no components, or more than there are dimensions or samples.
    pub fn of_principal_components(samples: &Tensor, n: i64, until: f64) -> Result<Self> {
        let rows = if samples.dim() > 1 { samples.flatten(1, -1).to_kind(Kind::Double) } else { samples.unsqueeze(0) };
        let (count, d) = rows.size2()?;
        if count < 2 {
            let expected = "[N, …], at least two samples".to_owned();
            return Err(Error::Shape { what: "samples of a subspace", expected, got: samples.size() });
        }
        let most = d.min(count - 1);
        if !(1..=most).contains(&n) {
            return Err(Error::config("dimensions of a subspace", format!("1 to {most}"), n));
        }
        let mean = rows.mean_dim(0, false, Kind::Double);
        let (_, singular, directions) = ((&rows - &mean) / ((count - 1) as f64).sqrt()).f_svd(true, true)?;
        let variances = singular.square();
        let left: f64 = (variances.sum(Kind::Double) - variances.narrow(0, 0, n).sum(Kind::Double)).double_value(&[]);
        let inside = Self::new(&directions.narrow(1, 0, n), until)?;
        let mean = inside.beside(&mean.unsqueeze(0)).squeeze_dim(0);
        Ok(Self { mean, variance: left.max(0.0) / (d - n).max(1) as f64, ..inside })
    }

    /// `U^T x`, the coefficients of samples.
    ///
    /// # Shapes
    /// `x`: `[N, …]`, of `D` numbers each. Returns `[N, n]` in the type of `x`.
    pub fn coefficients(&self, x: &Tensor) -> Tensor {
        x.flatten(1, -1).matmul(&self.basis_like(x))
    }

    /// What samples have beside the subspace: `( I - U U^T ) x`, `[N, D]`.
    fn beside(&self, rows: &Tensor) -> Tensor {
        rows - self.coefficients(rows).matmul(&self.basis_like(rows).tr())
    }

    fn basis_like(&self, x: &Tensor) -> Tensor {
        self.basis.to_kind(x.kind()).to_device(x.device())
    }

    /// Samples from `noise`: the chain of `sampler`, in the subspace down to `t_1` and in all dimensions from there. With `t_1` at the end of the
    /// process it is the ordinary chain.
    ///
    /// # Shapes
    /// `noise`, `x_T`: `[N, …]`, of `D` numbers each, like the samples. `inside` is a denoiser of coefficients, `[N, n]`; `whole` one of samples.
    ///
    /// # Errors
    /// [`Error::Shape`] for noise of another size, [`Error::Timestep`] for a `t_1` outside the process, [`Error::Unsupported`] for noise that is not
    /// Gaussian; those of the sampler and the denoisers.
    pub fn run(
        &self,
        sampler: &SamplerConfig,
        inside: &dyn Denoiser,
        whole: &dyn Denoiser,
        process: &dyn Process,
        noise: Tensor,
    ) -> Result<Tensor> {
        let shape = noise.size();
        let d = self.basis.size()[0];
        if noise.dim() < 2 || shape[1..].iter().product::<i64>() != d {
            let expected = format!("[N, …] of {d} numbers each");
            return Err(Error::Shape { what: "noise for a subspace", expected, got: shape });
        }
        require_gaussian(process, "a subspace")?;
        let end = process.end();
        if !(self.until > 0.0 && self.until <= end) {
            let expected = format!("an end of the subspace above 0 and at most {end}");
            return Err(Error::Timestep { expected, got: self.until.to_string() });
        }
        let quiet = &mut |_: &ChainState| ControlFlow::Continue(());
        if self.until == end {
            return walk(Chain::new(&mut *sampler.sampler(), whole, process, noise)?, quiet);
        }
        let mut above = Above { sampler: sampler.sampler(), until: self.until };
        let y = walk(Chain::new(&mut above, inside, process, self.coefficients(&noise))?, quiet)?;
        // The part of the noise that the chain has not used is as good as fresh noise.
        let (a, s) = (process.signal(self.until), process.noise(self.until));
        let spread = (s * s + a * a * self.variance).sqrt() / process.noise_at_end();
        let fresh =
            spread * self.beside(&noise.flatten(1, -1)) + a * self.mean.to_kind(noise.kind()).to_device(noise.device());
        let x = (y.matmul(&self.basis_like(&noise).tr()) + fresh).view(&shape[..]);
        walk(Chain::new(&mut Truncated::new(sampler.sampler(), self.until), whole, process, x)?, quiet)
    }
}

/// The part of a chain above a time, and the step to it.
#[derive(Debug)]
struct Above {
    sampler: Box<dyn Sampler>,
    until: f64,
}

impl Sampler for Above {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        let above = self.sampler.times(process)?.into_iter().take_while(|t| *t > self.until);
        Ok(above.chain([self.until]).collect())
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        self.sampler.step(denoiser, process, x, from, to)
    }
}
