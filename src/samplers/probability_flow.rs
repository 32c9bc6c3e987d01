//! The probability-flow ODE: what its solvers and the likelihood share.

use tch::Tensor;

use super::exponential::{lambda, time_of};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::Result;
use crate::process::Process;

/// The velocity of the probability-flow ODE, whose solutions have the same distribution at each time as those of the SDE.
///
/// ```text
/// dx/dt = f(t) x - 1/2 g(t)^2 score(x, t) = a'(t) x_0 + s'(t) eps
/// ```
/// Song et al. 2021, equation 13. The second form follows from `x = a x_0 + s eps`, `score = - eps / s`, `f = a' / a` and
/// `g^2 = 2 s s' - 2 f s^2`:
///
/// ```text
/// f x - 1/2 g^2 score = a'/a ( a x_0 + s eps ) + ( s' - a'/a s ) eps
/// ```
/// It is finite where no signal is left, where `f` and `g` are not.
///
/// # Shapes
/// `known`: the data and the noise in `x`, `[N, …]`. Returns `[N, …]`.
pub fn probability_flow(process: &dyn Process, known: &Denoised, t: f64) -> Tensor {
    process.signal_slope(t) * &known.x0 + process.noise_slope(t) * &known.eps
}

/// The variable `u` in which the ODE is solved: the time itself or, for a process with steps, `lambda = ln( a / s )`. Between two steps `lambda`
/// is linear, so that the velocity in `t` jumps at each step, and a solver would lose its order. In `lambda` it does not.
///
/// ```text
/// dx/dlambda = ( a' x_0 + s' eps ) / lambda',   lambda' = a' / a - s' / s
/// ```
#[derive(Clone, Copy)]
pub(crate) struct PathVariable<'a> {
    process: &'a dyn Process,
    is_lambda: bool,
}

impl<'a> PathVariable<'a> {
    pub fn of(process: &'a dyn Process) -> Self {
        Self { process, is_lambda: process.steps().is_some() && lambda(process, process.end()).is_finite() }
    }

    /// `u` at the time `t`, above 0.
    pub fn at(self, t: f64) -> f64 {
        if self.is_lambda { lambda(self.process, t) } else { t }
    }

    /// The time of `u`.
    pub fn time(self, u: f64) -> f64 {
        if self.is_lambda { time_of(self.process, u) } else { u }
    }

    /// `dx/du` at the time `t`, from the data and the noise in `x`.
    pub fn velocity_of(self, known: &Denoised, t: f64) -> Tensor {
        let of_t = probability_flow(self.process, known, t);
        if !self.is_lambda {
            return of_t;
        }
        let (of_signal, of_noise) = (self.process.signal_slope(t), self.process.noise_slope(t));
        of_t / (of_signal / self.process.signal(t) - of_noise / self.process.noise(t))
    }

    /// `dx/du` at `u`.
    pub fn velocity(self, denoiser: &dyn Denoiser, x: &Tensor, u: f64) -> Result<Tensor> {
        let t = self.time(u);
        Ok(self.velocity_of(&denoiser.denoise(x, t)?, t))
    }

    /// `dx/du` as a function of `x` and `u`, whose first call, at the time `from`, is already known.
    pub fn velocity_after(
        self,
        denoiser: &'a dyn Denoiser,
        known: &Denoised,
        from: f64,
    ) -> impl FnMut(&Tensor, f64) -> Result<Tensor> + 'a {
        let mut first = Some(self.velocity_of(known, from));
        move |x, u| first.take().map_or_else(|| self.velocity(denoiser, x, u), Ok)
    }
}
