//! `Langevin`: Langevin dynamics at one noise level.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::{Sampler, Step};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::{Error, Result, require};
use crate::process::{Process, check_time, require_gaussian};

/// The unadjusted Langevin algorithm: draws from the noisy density `q(x_t)` at one time `t` by small steps along its score, each with fresh
/// noise. It is a [`Sampler`] whose times are all the same, so that [`run_chain`](super::run_chain) and [`Chain`](super::Chain) run it.
///
/// ```text
/// x <- x + gamma / 2 score(x, t) + sqrt(gamma) z,   z ~ N(0, I)
/// ```
/// Song & Ermon 2019, equation 4, with `gamma` for the [`step_size`](Self::step_size). Without a Metropolis test the density that it draws from is
/// wider: for `N(0, s^2)`, the variance is `s^2 / ( 1 - gamma / (4 s^2) )`. Between modes that are far apart, the density is so low that no
/// sample crosses from one to the other in any reasonable time.
#[derive(Debug)]
pub struct Langevin {
    /// The time, above 0. Samples keep the noise of this time.
    pub t: f64,
    /// The number of steps, at least 1.
    pub steps: usize,
    /// `gamma`, above 0.
    pub step_size: f64,
    preconditioner: Option<Preconditioner>,
}

/// `M`, and `L` with `L L^T = M`.
#[derive(Debug)]
struct Preconditioner {
    matrix: Tensor,
    root: Tensor,
}

impl Langevin {
    /// So many steps of this size at the time `t`.
    pub fn new(t: f64, steps: usize, step_size: f64) -> Self {
        Self { t, steps, step_size, preconditioner: None }
    }

    /// The same with a preconditioner `M`, which makes steps longer in directions in which the density is wider.
    ///
    /// ```text
    /// x <- x + gamma / 2 M score(x, t) + sqrt(gamma) M^(1/2) z
    /// ```
    /// Roberts & Stramer 2002, with constant `M`. The root is that of Cholesky. With the covariance of `x_t` as `M`, the variance of Gaussian
    /// data is too large by the same factor in all directions, `1 / ( 1 - gamma / 4 )`.
    ///
    /// # Shapes
    /// `matrix`: `[D, D]`, symmetric and positive definite, for samples of `D` numbers each.
    ///
    /// # Errors
    /// [`Error::Config`] for any other matrix.
    pub fn preconditioned(self, matrix: &Tensor) -> Result<Self> {
        let refused = || {
            let got = format!("a tensor of shape {:?}", matrix.size());
            Error::config("preconditioner", "[D, D], symmetric and positive definite", got)
        };
        let is_square = matrix.dim() == 2 && matrix.size()[0] == matrix.size()[1];
        let matrix = matrix.to_kind(Kind::Double);
        if !is_square || !matrix.allclose(&matrix.tr(), 1e-6, 1e-9, false) {
            return Err(refused());
        }
        let root = matrix.f_linalg_cholesky(false).map_err(|_| refused())?;
        Ok(Self { preconditioner: Some(Preconditioner { matrix, root }), ..self })
    }
}

impl Sampler for Langevin {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        check_time(process, self.t)?;
        require(self.steps >= 1, "Langevin.steps", "at least 1", self.steps)?;
        let possible = self.step_size > 0.0 && self.step_size.is_finite();
        require(possible, "Langevin.step_size", "above 0", self.step_size)?;
        require_gaussian(process, "Langevin dynamics, which follows the score,")?;
        Ok(vec![self.t; self.steps + 1])
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        if from != to {
            let expected =
                "a step that stays at one time: Langevin dynamics does not change the noise level".to_owned();
            return Err(Error::Timestep { expected, got: format!("from {from} to {to}") });
        }
        let seen = denoiser.denoise(x, from)?;
        let score = score(&seen, process, from);
        let alpha = LangevinConvention::Ncsn.alpha(self.step_size);
        let x = match &self.preconditioner {
            None => langevin_step(x, &score, alpha),
            Some(of) => {
                check_rows(x, &of.matrix)?;
                let times = |x: &Tensor, matrix: &Tensor| {
                    let matrix = matrix.to_kind(x.kind()).to_device(x.device());
                    x.flatten(1, -1).matmul(&matrix.tr()).view(&x.size()[..])
                };
                x + alpha * times(&score, &of.matrix) + (2.0 * alpha).sqrt() * times(&x.randn_like(), &of.root)
            }
        };
        Ok(Step { x, predicted_x0: seen.x0 })
    }
}

fn check_rows(x: &Tensor, matrix: &Tensor) -> Result<()> {
    let (numbers, expected) = (x.size()[1..].iter().product::<i64>(), matrix.size()[0]);
    if numbers == expected {
        return Ok(());
    }
    let expected = format!("[N, …] of {expected} numbers each");
    Err(Error::Shape { what: "samples for this preconditioner", expected, got: x.size() })
}

/// How a paper writes a step of Langevin dynamics. Both are the same step, with `gamma = 2 alpha`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LangevinConvention {
    /// `x + gamma / 2 score + sqrt(gamma) z`: Song & Ermon 2019, algorithm 1
    #[default]
    #[serde(rename = "ncsn")]
    Ncsn,
    /// `x + alpha score + sqrt(2 alpha) z`: Song & Ermon 2020, algorithm 1
    #[serde(rename = "ncsnv2")]
    NcsnV2,
}

impl LangevinConvention {
    /// `alpha`, for a step of this size in the convention.
    pub fn alpha(self, step_size: f64) -> f64 {
        match self {
            Self::Ncsn => step_size / 2.0,
            Self::NcsnV2 => step_size,
        }
    }
}

/// `x + alpha score + sqrt(2 alpha) z`, `z ~ N(0, I)`
pub(super) fn langevin_step(x: &Tensor, score: &Tensor, alpha: f64) -> Tensor {
    x + alpha * score + (2.0 * alpha).sqrt() * x.randn_like()
}

/// The score `- eps / s(t)`, for Gaussian noise that is the same in all coordinates.
pub(super) fn score(seen: &Denoised, process: &dyn Process, t: f64) -> Tensor {
    &seen.eps / -process.noise(t)
}
