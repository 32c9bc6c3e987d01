//! Two ends, joined at random times.

use tch::{Kind, Tensor};

use super::Interpolant;
use crate::error::{Error, Result};

/// Pairs of samples at times between them, and what a network learns there.
#[derive(Debug)]
pub struct JoinedEnds {
    /// `x_t`, `[B, …]`.
    pub x_t: Tensor,
    /// `alpha' x_0 + beta' x_1`, the velocity of the path without its noise, `[B, …]`.
    pub velocity: Tensor,
    /// `z`, `[B, …]`.
    pub z: Tensor,
}

impl JoinedEnds {
    /// `length` of the pairs from `start` on.
    pub(super) fn narrow(&self, start: i64, length: i64) -> Self {
        let part = |of: &Tensor| of.narrow(0, start, length);
        Self { x_t: part(&self.x_t), velocity: part(&self.velocity), z: part(&self.z) }
    }
}

/// Joins each sample of `x0` with that of `x1`, at its own time.
///
/// ```text
/// x_t = alpha(t) x_0 + beta(t) x_1 + gamma(t) z
/// ```
/// # Shapes
/// `x0`, `x1`, `z`: `[B, …]`, floating-point; `t`: `B` times from 0 to 1.
///
/// # Errors
/// [`Error::Shape`] if the shapes differ; [`Error::Timestep`] for a time outside.
pub fn join(interpolant: &dyn Interpolant, x0: &Tensor, x1: &Tensor, z: Tensor, t: &[f64]) -> Result<JoinedEnds> {
    for (what, got) in [("samples of the other end", x1.size()), ("noise between two ends", z.size())] {
        if got != x0.size() {
            return Err(Error::Shape { what, expected: format!("{:?}, the shape of x0", x0.size()), got });
        }
    }
    if t.len() as i64 != x0.size()[0] {
        let expected = format!("{}, one per sample", x0.size()[0]);
        return Err(Error::Shape { what: "times between two ends", expected, got: vec![t.len() as i64] });
    }
    t.iter().try_for_each(|t| check_between(*t))?;
    let mixes: Vec<_> = t.iter().map(|t| interpolant.mix(*t)).collect();
    let each = |values: Vec<f64>| each_of(&values, x0);
    let factor = |of: fn(&super::Mix) -> f64| each(mixes.iter().map(of).collect());
    let x_t = factor(|m| m.alpha) * x0 + factor(|m| m.beta) * x1 + factor(|m| m.gamma) * &z;
    let velocity = factor(|m| m.alpha_slope) * x0 + factor(|m| m.beta_slope) * x1;
    Ok(JoinedEnds { x_t, velocity, z })
}

/// A number for each sample, in the type of `x`: `[B, 1, …]`.
fn each_of(values: &[f64], x: &Tensor) -> Tensor {
    let mut shape = vec![1; x.dim()];
    shape[0] = -1;
    Tensor::from_slice(values).to_kind(x.kind()).view(&shape[..]).to_device(x.device())
}

/// The times in the form that networks take, `[B]` f32: from 0 to 1000, as those of a process.
pub(super) fn network_times(t: &[f64], like: &Tensor) -> Tensor {
    let scaled: Vec<f64> = t.iter().map(|t| 1000.0 * t).collect();
    Tensor::from_slice(&scaled).to_kind(Kind::Float).to_device(like.device())
}

/// Rejects a time that is not from 0 to 1.
pub(super) fn check_between(t: f64) -> Result<()> {
    if (0.0..=1.0).contains(&t) {
        return Ok(());
    }
    Err(Error::Timestep { expected: "from 0, at x_0, to 1, at x_1".to_owned(), got: t.to_string() })
}
