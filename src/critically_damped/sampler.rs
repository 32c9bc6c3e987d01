//! `DampedSampler`: from noise to data, with velocities.

use tch::{Tensor, no_grad_guard};

use super::process::{Covariance, CriticallyDamped};
use super::score::VelocityScore;
use crate::error::{Error, Result, require};
use crate::samplers::shown_time;

/// A solver of the reverse SDE of position and velocity.
///
/// ```text
/// dx = - beta v / M dr,   dv = ( beta x + beta Gamma v / M + 2 Gamma beta score ) dr + sqrt( 2 Gamma beta ) dw,   r = 1 - t
/// ```
/// Dockhorn et al. 2022, section 3.3. The last step, to `t = 0`, adds no noise.
#[derive(Debug, Clone, PartialEq)]
pub struct DampedSampler {
    /// How it takes a step.
    pub method: DampedMethod,
    /// The number of steps, and of calls of the score, at least 2.
    pub steps: usize,
    /// Whether the steps become shorter towards the data, as the squares of equally spaced numbers do; otherwise they are equal.
    pub is_quadratic: bool,
    /// The last time above 0.
    pub last: f64,
}

/// A method for the reverse SDE of position and velocity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DampedMethod {
    /// Euler and Maruyama's: everything stays as it is at the beginning of the step.
    ///
    /// ```text
    /// x' = x - h beta v / M,   v' = v + h beta ( x + Gamma v / M + 2 Gamma score ) + sqrt( 2 Gamma beta h ) z
    /// ```
    EulerMaruyama,
    /// The symmetric splitting of the paper, SSCS: half a step of what can be solved exactly, a whole one of the rest, and the other half.
    ///
    /// ```text
    /// A:  dx = - beta v / M dr,   dv = ( beta x - beta Gamma v / M ) dr + sqrt( 2 Gamma beta ) dw     exactly: a Gaussian
    /// S:  dv = 2 Gamma beta ( score + v / M ) dr                                                     by an Euler step
    /// ```
    /// Dockhorn et al. 2022, section 3.3 and appendix D. `S` vanishes in the equilibrium, where `score = - v / M`. The score is asked for the time at
    /// the beginning of the step, as in the authors' code: on Gaussian data that is closer than the middle, though it makes the method of order 1.
    Sscs,
}

impl DampedSampler {
    /// With this method and this many steps, shorter towards the data.
    pub fn new(method: DampedMethod, steps: usize) -> Self {
        Self { method, steps, is_quadratic: true, last: 1e-3 }
    }

    /// The times that it visits, from 1 to 0.
    ///
    /// # Errors
    /// [`Error::Config`] for fewer than 2 steps, or a last time outside the process.
    pub fn times(&self) -> Result<Vec<f64>> {
        require(self.steps >= 2, "DampedSampler.steps", "at least 2", self.steps)?;
        require(self.last > 0.0 && self.last < 1.0, "DampedSampler.last", "above 0 and below 1", self.last)?;
        let left = |k: usize| 1.0 - k as f64 / (self.steps - 1) as f64;
        let share = |k: usize| if self.is_quadratic { left(k).powi(2) } else { left(k) };
        let time = |k: usize| self.last + (1.0 - self.last) * share(k);
        Ok((0..self.steps).map(time).chain([0.0]).collect())
    }

    /// The chain from this position and velocity at the end of the process, such as [`CriticallyDamped::draw_start`]. Draws from libtorch's
    /// generator.
    ///
    /// # Shapes
    /// `x`, `v`: `[N, …]`, in f32 or f64, like all states.
    ///
    /// # Errors
    /// As [`DampedSampler::times`]; [`Error::Config`] for invalid settings of the process; [`Error::Shape`] for velocities of another shape.
    pub fn chain<'a>(
        &self,
        score: &'a dyn VelocityScore,
        process: &'a CriticallyDamped,
        x: Tensor,
        v: Tensor,
    ) -> Result<DampedChain<'a>> {
        process.validate()?;
        if x.size() != v.size() {
            let expected = format!("{:?}, those of the positions", x.size());
            return Err(Error::Shape { what: "velocities", expected, got: v.size() });
        }
        Ok(DampedChain { method: self.method, score, process, times: self.times()?, next: 0, x, v })
    }

    /// The last state of the chain: its position is the samples.
    ///
    /// # Errors
    /// As [`DampedSampler::chain`]; [`Error::SamplesNotFinite`] if the steps are too long; those of the score.
    pub fn run(
        &self,
        score: &dyn VelocityScore,
        process: &CriticallyDamped,
        x: Tensor,
        v: Tensor,
    ) -> Result<DampedState> {
        let steps = self.steps;
        let mut state = DampedState { t: 1.0, x: x.shallow_clone(), v: v.shallow_clone() };
        for (step, next) in self.chain(score, process, x, v)?.enumerate() {
            state = next?;
            if !state.x.sum(state.x.kind()).double_value(&[]).is_finite() {
                return Err(Error::SamplesNotFinite { step, steps, t: shown_time(state.t) });
            }
        }
        Ok(state)
    }
}

/// A state of a chain.
#[derive(Debug)]
pub struct DampedState {
    /// The time: 1 at the start, 0 at the end.
    pub t: f64,
    /// The position, `[N, …]`.
    pub x: Tensor,
    /// The velocity, `[N, …]`.
    pub v: Tensor,
}

/// A chain as an iterator: yields its start and the state after each step. Without gradients.
pub struct DampedChain<'a> {
    method: DampedMethod,
    score: &'a dyn VelocityScore,
    process: &'a CriticallyDamped,
    times: Vec<f64>,
    next: usize,
    x: Tensor,
    v: Tensor,
}

impl DampedChain<'_> {
    /// A step of Euler and Maruyama's method, with noise unless it is the last.
    fn euler_maruyama(&self, from: f64, to: f64) -> Result<(Tensor, Tensor)> {
        let (x, v, h) = (&self.x, &self.v, from - to);
        let CriticallyDamped { mass, beta, .. } = *self.process;
        let friction = self.process.friction();
        let score = self.score.score(x, v, from)?;
        let ahead = v + h * beta * (x + friction / mass * v + 2.0 * friction * score);
        let noise = (2.0 * friction * beta * h).sqrt();
        Ok((x - h * beta / mass * v, if to > 0.0 { ahead + noise * v.randn_like() } else { ahead }))
    }

    /// A step of the symmetric splitting.
    fn splitting(&self, from: f64, to: f64) -> Result<(Tensor, Tensor)> {
        let h = from - to;
        let friction = self.process.friction();
        let (x, v) = self.exact_part(&self.x, &self.v, h / 2.0);
        let score = self.score.score(&x, &v, from)?;
        let v = &v + h * 2.0 * friction * self.process.beta * (score + &v / self.process.mass);
        Ok(self.exact_part(&x, &v, h / 2.0))
    }

    /// `A`: the forward process with the sign of the position reversed.
    fn exact_part(&self, x: &Tensor, v: &Tensor, h: f64) -> (Tensor, Tensor) {
        let [[a, b], [c, d]] = self.process.transition(h);
        let Covariance { xx, xv, vv } = self.process.noise_of(h);
        let [l_xx, l_xv, l_vv] = Covariance { xx, xv: -xv, vv }.cholesky();
        let (z_x, z_v) = (x.randn_like(), v.randn_like());
        let ahead = a * x - b * v + l_xx * &z_x;
        (ahead, d * v - c * x + l_xv * z_x + l_vv * z_v)
    }
}

impl Iterator for DampedChain<'_> {
    type Item = Result<DampedState>;

    fn next(&mut self) -> Option<Self::Item> {
        let to = *self.times.get(self.next)?;
        let _no_grad = no_grad_guard();
        if self.next > 0 {
            let from = self.times[self.next - 1];
            let taken = match self.method {
                DampedMethod::Sscs if to > 0.0 => self.splitting(from, to),
                _ => self.euler_maruyama(from, to),
            };
            match taken {
                Ok(state) => (self.x, self.v) = state,
                Err(error) => {
                    self.next = self.times.len();
                    return Some(Err(error));
                }
            }
        }
        self.next += 1;
        Some(Ok(DampedState { t: to, x: self.x.shallow_clone(), v: self.v.shallow_clone() }))
    }
}
