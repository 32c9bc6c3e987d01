//! A step back, from `x_t` to `x_s`: the posterior for known data, and its mean over predicted data.

use tch::{Device, Kind, Tensor};

use super::categorical::normalized;
use super::mixing::Mixing;
use crate::error::{Error, Result};

/// The logit of a symbol that `x_t` cannot come from. (With -infinity, a state that comes from no symbol would be NaN.)
const IMPOSSIBLE: f64 = -1e30;

/// A probability of `x_t` below this is taken as 0: its inverse could be too large for an f64.
const LEAST: f64 = 1e-150;

/// The matrices of a step back: one for all samples, `[K, K]`, or one for each, `[N, K, K]`.
#[derive(Debug)]
pub(super) struct StepBack {
    /// `Q_{t|s} = Q_{s+1} … Q_t`.
    step: Tensor,
    /// `Q_bar_s`.
    before: Tensor,
    /// `Q_bar_t`.
    after: Tensor,
    symbols: i64,
}

impl StepBack {
    pub fn new(step: &Tensor, before: &Tensor, after: &Tensor, symbols: i64, device: Device) -> Self {
        let [step, before, after] = [step, before, after].map(|matrix| matrix.to_device(device));
        Self { step, before, after, symbols }
    }

    /// `q(x_s | x_t, x_0)`, in proportion to `( x_t Q_{t|s}^T ) * ( x_0 Q_bar_s )`.
    pub fn posterior(&self, x_t: &Tensor, x0: &Tensor) -> Tensor {
        normalized(&(columns(&self.step, x_t) * rows(&self.before, x0)))
    }

    /// `p_theta(x_s | x_t)`.
    ///
    /// ```text
    /// sum_{x_0} q(x_s | x_t, x_0) p(x_0 | x_t) = ( x_t Q_{t|s}^T ) * ( w Q_bar_s ),   w = p(x_0 | x_t) / q(x_t | x_0)
    /// ```
    /// The joint mixing has `w = p(x_0 | x_t)`, and divides by the sum.
    pub fn reverse(&self, logits: &Tensor, x_t: &Tensor, mixing: Mixing) -> Result<Tensor> {
        Ok(normalized(&(columns(&self.step, x_t) * self.mixed(logits, x_t, mixing)?)))
    }

    /// `w Q_bar_s`, `[N, L, K]`.
    pub fn mixed(&self, logits: &Tensor, x_t: &Tensor, mixing: Mixing) -> Result<Tensor> {
        let [n, l] = [x_t.size()[0], x_t.size()[1]];
        if logits.size() != [n, l, self.symbols] {
            let expected = format!("[{n}, {l}, {}], one per symbol of each token", self.symbols);
            return Err(Error::Shape { what: "logits of x_0", expected, got: logits.size() });
        }
        let likelihood = columns(&self.after, x_t).narrow(2, 0, self.symbols);
        let impossible = likelihood.lt(LEAST);
        let p = logits.to_kind(Kind::Double).masked_fill(&impossible, IMPOSSIBLE).softmax(-1, Kind::Double);
        let weights = match mixing {
            Mixing::Posteriors => p / likelihood.masked_fill(&impossible, 1.0),
            Mixing::Joint => p,
        };
        Ok(weights.matmul(&self.before.narrow(-2, 0, self.symbols)))
    }
}

/// The row of each token: `x M`.
///
/// # Shapes
/// `matrix`: `[K, K]` or `[N, K, K]`; `x`: `[N, L]` int64. Returns `[N, L, K]`.
pub(super) fn rows(matrix: &Tensor, x: &Tensor) -> Tensor {
    let ([n, l], k) = ([x.size()[0], x.size()[1]], matrix.size()[matrix.dim() - 1]);
    matrix.expand([n, k, k], false).gather(1, &x.unsqueeze(-1).expand([n, l, k], false), false)
}

/// The column of each token: `x M^T`.
pub(super) fn columns(matrix: &Tensor, x: &Tensor) -> Tensor {
    rows(&matrix.transpose(-2, -1), x)
}
