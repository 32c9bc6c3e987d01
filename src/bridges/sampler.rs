//! `BridgeSampler`: the flow and the SDEs of an interpolant, in both directions.

use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad_guard};

use super::ends::check_between;
use super::field::has_noise;
use super::{Interpolant, InterpolantField, Means};
use crate::error::{Error, Result, require};

/// `epsilon(t)`, how much fresh noise an SDE of an interpolant adds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Diffusion {
    /// None: the flow.
    #[default]
    None,
    /// The same at all times, above 0. With the scale of a Brownian bridge, its SDE adds as much noise as that bridge.
    Constant(f64),
    /// In proportion to `gamma(t)^2`: none at the ends, where the score may be large. Above 0.
    LikeGamma(f64),
}

/// Draws samples of one end from samples of the other, along an interpolant.
///
/// ```text
/// dx = b dt                                            the flow, in both directions
/// dx = ( b + epsilon score ) dt + sqrt(2 epsilon) dw   from x_0 to x_1
/// dx = ( b - epsilon score ) dt + sqrt(2 epsilon) dw   from x_1 to x_0
/// ```
/// Albergo, Boffi & Vanden-Eijnden 2023, equations 2.15, 2.21 and 2.24: all have the distribution of `x_t` at each time. The flow is solved with
/// Heun's method, two network calls per step; an SDE with the method of Euler and Maruyama, one call. Its last step, to an end, adds no fresh
/// noise: it would leave the samples a variance of `2 epsilon h` for a step of the length `h`, far too much for a narrow end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BridgeSampler {
    /// The number of steps, all of the same length.
    pub steps: usize,
    /// How much fresh noise there is.
    pub diffusion: Diffusion,
}

impl Default for BridgeSampler {
    fn default() -> Self {
        Self { steps: 50, diffusion: Diffusion::None }
    }
}

impl BridgeSampler {
    /// Samples of `x_1` from these of `x_0`.
    ///
    /// # Shapes
    /// `x0` and the result: `[N, …]`, f32 or f64.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for invalid settings; [`Error::Unsupported`](crate::Error::Unsupported) for fresh noise with an
    /// interpolant that has none; [`Error::SamplesNotFinite`](crate::Error::SamplesNotFinite); those of the field.
    pub fn forward(&self, interpolant: &dyn Interpolant, field: &dyn InterpolantField, x0: &Tensor) -> Result<Tensor> {
        self.run(interpolant, field, x0, |k, steps| k as f64 / steps as f64)
    }

    /// Samples of `x_0` from these of `x_1`.
    ///
    /// # Shapes
    /// As [`BridgeSampler::forward`].
    ///
    /// # Errors
    /// As there.
    pub fn back(&self, interpolant: &dyn Interpolant, field: &dyn InterpolantField, x1: &Tensor) -> Result<Tensor> {
        self.run(interpolant, field, x1, |k, steps| 1.0 - k as f64 / steps as f64)
    }

    fn run(
        &self,
        interpolant: &dyn Interpolant,
        field: &dyn InterpolantField,
        start: &Tensor,
        time: impl Fn(usize, usize) -> f64,
    ) -> Result<Tensor> {
        require(self.steps >= 1, "BridgeSampler.steps", "at least 1", self.steps)?;
        interpolant.validate()?;
        let _no_grad = no_grad_guard();
        let mut x = start.shallow_clone();
        for k in 0..self.steps {
            let (from, to) = (time(k, self.steps), time(k + 1, self.steps));
            x = self.step(interpolant, field, &x, from, to)?;
            if !x.sum(x.kind()).double_value(&[]).is_finite() {
                return Err(Error::SamplesNotFinite { step: k + 1, steps: self.steps, t: format!("{to:.3}") });
            }
        }
        Ok(x)
    }

    /// One step, in either direction. One that reaches 0 or 1 adds no fresh noise.
    ///
    /// # Errors
    /// As [`BridgeSampler::forward`], but the settings of the interpolant are not checked; [`Error::Timestep`](crate::Error::Timestep) for times that
    /// are not from 0 to 1.
    pub fn step(
        &self,
        interpolant: &dyn Interpolant,
        field: &dyn InterpolantField,
        x: &Tensor,
        from: f64,
        to: f64,
    ) -> Result<Tensor> {
        check_between(from)?;
        check_between(to)?;
        if let Diffusion::Constant(amount) | Diffusion::LikeGamma(amount) = self.diffusion {
            require(amount > 0.0 && amount.is_finite(), "BridgeSampler.diffusion", "above 0", amount)?;
        }
        let stride = to - from;
        let drift_at = |x: &Tensor, t: f64| Drift::at(interpolant, field, x, t, stride.abs() / 2.0);
        let at = drift_at(x, from)?;
        let epsilon = match self.diffusion {
            Diffusion::None => {
                let ahead = x + stride * &at.flow;
                return Ok(x + stride / 2.0 * (at.flow + drift_at(&ahead, to)?.flow));
            }
            Diffusion::Constant(epsilon) => epsilon,
            Diffusion::LikeGamma(factor) => factor * at.gamma.powi(2),
        };
        let Some(score) = at.score else {
            return Err(Error::Unsupported(
                "fresh noise needs the score, and an interpolant without noise has none: use Diffusion::None, or an interpolant with noise".to_owned(),
            ));
        };
        let drift = stride * at.flow + stride.abs() * epsilon * score;
        if to == 0.0 || to == 1.0 {
            return Ok(x + drift);
        }
        Ok(x + drift + (2.0 * epsilon * stride.abs()).sqrt() * x.randn_like())
    }
}

/// `b` and the score at some points.
struct Drift {
    flow: Tensor,
    score: Option<Tensor>,
    gamma: f64,
}

impl Drift {
    /// With noise, the means near an end are those at the distance `margin` from it: at the ends `z / gamma` is 0 / 0, and close to them `gamma'` is
    /// so large that it multiplies every error of a network.
    fn at(
        interpolant: &dyn Interpolant,
        field: &dyn InterpolantField,
        x: &Tensor,
        t: f64,
        margin: f64,
    ) -> Result<Self> {
        let t = if has_noise(interpolant) { t.clamp(margin, 1.0 - margin) } else { t };
        let (mix, Means { velocity, z }) = (interpolant.mix(t), field.means(x, t)?);
        Ok(match z {
            Some(z) if mix.gamma > 0.0 => Self {
                flow: velocity + mix.gamma_slope_product / mix.gamma * &z,
                score: Some(-z / mix.gamma),
                gamma: mix.gamma,
            },
            _ => Self { flow: velocity, score: None, gamma: 0.0 },
        })
    }
}
