//! The variational bound of a process on categories, term by term, and its value over all states for short strings.

use tch::{Device, Kind, Tensor, no_grad_guard};

use super::categorical::divergence;
use super::checks::check_tokens;
use super::corruption::Corruption;
use super::every_string::every_string;
use super::predictor::TokenPredictor;
use super::process::TokenProcess;
use crate::error::Result;

/// The variational bound of `-ln p_theta(x_0)`, in nats per sample: the mean over the samples, and the sum over their tokens.
///
/// ```text
/// L_vlb = KL( q(x_T | x_0) || p(x_T) ) + sum_{t = 2 … T} KL( q(x_{t-1} | x_t, x_0) || p_theta(x_{t-1} | x_t) ) - ln p_theta(x_0 | x_1)
/// ```
/// Austin et al. 2021, equation 1. The last term is the divergence at `t = 1`, where the posterior is certain.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenBound {
    /// The term of `x_T`.
    pub end: f64,
    /// The term of each step, `t = 1, …, T`.
    pub steps: Vec<f64>,
    /// `L`, the number of tokens in a sample.
    pub length: i64,
}

impl TokenBound {
    /// `L_vlb`.
    pub fn total(&self) -> f64 {
        self.end + self.steps.iter().sum::<f64>()
    }

    /// `L_vlb / L`, nats per token.
    pub fn per_token(&self) -> f64 {
        self.total() / self.length as f64
    }
}

/// `KL( q(x_{t-1} | x_t, x_0) || p_theta(x_{t-1} | x_t) )` of each token.
///
/// # Shapes
/// `logits`: `[N, L, S]`; `x0`, `x_t`: `[N, L]` int64; `t`: `[N]` int64. Returns `[N, L]` f64.
///
/// # Errors
/// Those of [`TokenProcess::posterior`] and [`TokenProcess::reverse`].
pub fn bound_term(process: &TokenProcess, logits: &Tensor, x0: &Tensor, x_t: &Tensor, t: &Tensor) -> Result<Tensor> {
    Ok(divergence(&process.posterior(x_t, x0, t)?, &process.reverse(logits, x_t, t)?))
}

/// The term of `x_T`, in nats per sample.
fn end_term(process: &TokenProcess, x0: &Tensor) -> Result<f64> {
    let last = process.marginal(x0, &times(x0, process.steps()))?;
    let prior = process.stationary().to_device(x0.device());
    // What sampling cannot start from has no bound, if the process ends there.
    if last.gt(1e-12).logical_and(&prior.le(0.0)).any().int64_value(&[]) == 1 {
        return Ok(f64::INFINITY);
    }
    Ok(per_sample(&divergence(&last, &prior)))
}

/// The bound, with one `x_t` drawn for each sample and each step, from libtorch's generator.
///
/// # Shapes
/// `x0`: `[N, L]` int64.
///
/// # Errors
/// Those of [`bound_term`] and of the predictor.
pub fn estimate_bound(process: &TokenProcess, predictor: &dyn TokenPredictor, x0: &Tensor) -> Result<TokenBound> {
    let _no_grad = no_grad_guard();
    let term = |t: usize| -> Result<f64> {
        let at = times(x0, t);
        let x_t = process.corrupt(x0, &at)?;
        let logits = predictor.logits(&x_t, t as f64)?;
        Ok(per_sample(&bound_term(process, &logits, x0, &x_t, &at)?))
    };
    let steps = (1..=process.steps()).map(term).collect::<Result<_>>()?;
    Ok(TokenBound { end: end_term(process, x0)?, steps, length: x0.size()[1] })
}

/// The bound as an expectation over all `K^L` states `x_t`: exact, for short strings of few states.
///
/// # Shapes
/// `x0`: `[N, L]` int64.
///
/// # Errors
/// As [`estimate_bound`]; [`Error::Config`](crate::Error::Config) for more than 65,536 states.
pub fn exact_bound(process: &TokenProcess, predictor: &dyn TokenPredictor, x0: &Tensor) -> Result<TokenBound> {
    let _no_grad = no_grad_guard();
    check_tokens("data", x0, process.symbols())?;
    let [n, l] = [x0.size()[0], x0.size()[1]];
    let states = every_string(process.states(), l)?.to_device(x0.device());
    let m = states.size()[0];
    let mut steps = Vec::new();
    for t in 1..=process.steps() {
        let (at, logits) = (times(&states, t), predictor.logits(&states, t as f64)?);
        let mut total = 0.0;
        for i in 0..n {
            let of_sample = x0.narrow(0, i, 1);
            let marginal = process.marginal(&of_sample, &times(&of_sample, t))?.expand([m, l, -1], false);
            let weight =
                marginal.gather(-1, &states.unsqueeze(-1), false).squeeze_dim(-1).prod_dim_int(1, false, Kind::Double);
            let term = bound_term(process, &logits, &of_sample.expand([m, l], false), &states, &at)?;
            // States of probability 0 may have no posterior.
            let of_states = term.sum_dim_intlist(1, false, Kind::Double).masked_fill(&weight.le(0.0), 0.0);
            total += (of_states * weight).sum(Kind::Double).double_value(&[]);
        }
        steps.push(total / n as f64);
    }
    Ok(TokenBound { end: end_term(process, x0)?, steps, length: l })
}

/// The distribution over all strings of states with which the ancestral chain of all `T` steps ends, by products of its transition matrices: exact.
///
/// # Shapes
/// Returns `[K^L]` f64, in the order of [`every_string`].
///
/// # Errors
/// As [`exact_bound`].
pub fn exact_samples(process: &TokenProcess, predictor: &dyn TokenPredictor, length: i64) -> Result<Tensor> {
    let _no_grad = no_grad_guard();
    let states = every_string(process.states(), length)?;
    let m = states.size()[0];
    let end = process.stationary().expand([m, length, process.states()], false);
    let mut p = end.gather(-1, &states.unsqueeze(-1), false).squeeze_dim(-1).prod_dim_int(1, false, Kind::Double);
    for t in (1..=process.steps()).rev() {
        let back = process.reverse(&predictor.logits(&states, t as f64)?, &states, &times(&states, t))?;
        let mut matrix = Tensor::ones([m, m], (Kind::Double, Device::Cpu));
        for l in 0..length {
            matrix *= back.select(1, l).index_select(1, &states.select(1, l));
        }
        p = p.unsqueeze(0).matmul(&matrix).squeeze_dim(0);
    }
    Ok(p)
}

/// The same time for every sample.
fn times(samples: &Tensor, t: usize) -> Tensor {
    Tensor::full([samples.size()[0]], t as i64, (Kind::Int64, samples.device()))
}

/// The sum over the tokens, averaged over the samples.
fn per_sample(term: &Tensor) -> f64 {
    term.sum_dim_intlist(1, false, Kind::Double).mean(Kind::Double).double_value(&[])
}
