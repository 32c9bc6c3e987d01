//! What exponential integrators share: they solve the linear part of the ODE exactly. Their time is `lambda = ln( a / s )`, half of the
//! logarithm of the signal-to-noise ratio.

use std::collections::VecDeque;

use tch::Tensor;

use crate::denoisers::Denoised;
use crate::process::Process;

/// `lambda(t) = ln( a / s )`: infinite at `t = 0`, and minus infinity if no signal is left.
pub(super) fn lambda(process: &dyn Process, t: f64) -> f64 {
    process.log_snr(t) / 2.0
}

/// The time with this `lambda`.
pub(super) fn time_of(process: &dyn Process, lambda: f64) -> f64 {
    process.time_of_log_snr(2.0 * lambda)
}

/// Less signal than this, `a / s`, is as good as none, unless the process keeps its signal: there a solver of higher order multiplies the small
/// errors of a network by `1 / a`, and may diverge.
pub(super) const LEAST_SIGNAL: f64 = 0.005;

/// Whether both signal and noise are left at time `t`, so that a step of higher order may begin and end there.
pub(super) fn is_between(process: &dyn Process, t: f64) -> bool {
    let lambda = lambda(process, t);
    lambda.is_finite() && (lambda >= LEAST_SIGNAL.ln() || process.signal(t) >= LEAST_SIGNAL)
}

/// The length of a step in `lambda`; `None` for a step to `t = 0`, or from almost pure noise, which are of first order.
pub(super) fn finite_step(process: &dyn Process, from: f64, to: f64) -> Option<f64> {
    (is_between(process, from) && is_between(process, to)).then(|| lambda(process, to) - lambda(process, from))
}

/// The step of first order, which is that of DDIM: the data and the noise in `x`, recombined.
pub(super) fn first_order(process: &dyn Process, known: &Denoised, to: f64) -> Tensor {
    process.signal(to) * &known.x0 + process.noise(to) * &known.eps
}

/// The step in which the predicted data is constant.
///
/// ```text
/// x_to = s(to) / s x + a(to) ( 1 - e^{-h} ) D
/// ```
/// Lu et al. 2022 (DPM-Solver++), proposition 4.1 with constant `x_0`.
pub(super) fn step_with_data(process: &dyn Process, x: &Tensor, from: f64, to: f64, data: &Tensor) -> Tensor {
    let kept = process.noise(to) / process.noise(from);
    kept * x + (process.signal(to) - kept * process.signal(from)) * data
}

/// The step in which the predicted noise is constant.
///
/// ```text
/// x_to = a(to) / a x - s(to) ( e^h - 1 ) eps
/// ```
/// Lu et al. 2022 (DPM-Solver), equation 3.7.
pub(super) fn step_with_noise(process: &dyn Process, x: &Tensor, from: f64, to: f64, eps: &Tensor) -> Tensor {
    let kept = process.signal(to) / process.signal(from);
    kept * x + (process.noise(to) - kept * process.noise(from)) * eps
}

/// The newest predictions of a multistep solver, the newest first, each with its `lambda`.
#[derive(Debug, Default)]
pub(super) struct Memory(VecDeque<(f64, Tensor)>);

impl Memory {
    /// Forgets everything: a chain begins.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a prediction, and keeps at most so many. One without signal, where `lambda` is infinite, is not kept. A chain that turns around
    /// begins anew, since no polynomial goes through two predictions at one place.
    pub fn add(&mut self, lambda: f64, prediction: Tensor, most: usize) {
        let known = self.lambdas();
        let goes_on = match known[..] {
            [] => true,
            [newest] => lambda != newest,
            [newest, before, ..] => (lambda - newest) * (newest - before) > 0.0,
        };
        if !goes_on {
            self.clear();
        }
        if lambda.is_finite() {
            self.0.push_front((lambda, prediction));
            self.0.truncate(most);
        }
    }

    /// The `lambda` of each prediction.
    pub fn lambdas(&self) -> Vec<f64> {
        self.0.iter().map(|(lambda, _)| *lambda).collect()
    }

    /// The `k`-th prediction, 0 for the newest.
    pub fn get(&self, k: usize) -> &Tensor {
        &self.0[k].1
    }

    /// The linear extrapolation to the middle of a step of length `h`, or the only prediction.
    pub fn at_middle(&self, h: f64) -> Tensor {
        match &self.lambdas()[..] {
            [now, before, ..] => {
                let ratio = h / (2.0 * (now - before));
                self.sum(&[1.0 + ratio, -ratio])
            }
            _ => self.get(0).shallow_clone(),
        }
    }

    /// The weights with which the polynomial through the predictions has the integral of `e^{rate lambda} P(lambda)` over a step.
    pub fn weights(&self, from: f64, to: f64, rate: f64) -> Vec<f64> {
        weights_of_nodes(&self.lambdas(), from, to, rate)
    }

    /// The sum of the predictions, each times its weight.
    pub fn sum(&self, weights: &[f64]) -> Tensor {
        let terms = self.0.iter().zip(weights).map(|((_, prediction), weight)| prediction * *weight);
        terms.reduce(|sum, term| sum + term).unwrap_or_default()
    }
}

/// For each node, the integral from `from` to `to` of `e^{rate u} l(u) du`, where `l` is the Lagrange polynomial that is 1 at this node and 0 at
/// the others: the weights of the predictions at these nodes.
pub(super) fn weights_of_nodes(nodes: &[f64], from: f64, to: f64, rate: f64) -> Vec<f64> {
    let weight = |(i, node): (usize, &f64)| {
        // The coefficients of l in powers of u - from.
        let mut polynomial = vec![1.0];
        for (_, other) in nodes.iter().enumerate().filter(|(j, _)| *j != i) {
            let (shift, scale) = (from - other, 1.0 / (node - other));
            let mut product = vec![0.0; polynomial.len() + 1];
            for (power, coefficient) in polynomial.iter().enumerate() {
                product[power] += coefficient * shift * scale;
                product[power + 1] += coefficient * scale;
            }
            polynomial = product;
        }
        let moments = moments(to - from, rate, polynomial.len());
        (rate * from).exp() * polynomial.iter().zip(moments).map(|(c, moment)| c * moment).sum::<f64>()
    };
    nodes.iter().enumerate().map(weight).collect()
}

/// The integrals of `e^{rate u} u^k du` from 0 to `h`, for `k = 0, 1, …`
fn moments(h: f64, rate: f64, count: usize) -> Vec<f64> {
    let mut all = vec![(rate * h).exp_m1() / rate];
    for k in 1..count {
        all.push(((rate * h).exp() * h.powi(k as i32) - k as f64 * all[k - 1]) / rate);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_integrate_polynomials_exactly() {
        let (from, to, nodes) = (0.3, 0.8, [0.3, -0.1, -0.7]);
        for rate in [-1.0, 1.0] {
            let weights = weights_of_nodes(&nodes, from, to, rate);
            let polynomial = |u: f64| 0.5 - 2.0 * u + 0.7 * u * u;
            let found: f64 = weights.iter().zip(nodes).map(|(weight, node)| weight * polynomial(node)).sum();
            // Simpson's rule with many parts.
            let (parts, f) = (1000, |u: f64| (rate * u).exp() * polynomial(u));
            let h = (to - from) / f64::from(parts);
            let expected: f64 = (0..parts)
                .map(|i| from + f64::from(i) * h)
                .map(|u| h / 6.0 * (f(u) + 4.0 * f(u + h / 2.0) + f(u + h)))
                .sum();
            assert!((found - expected).abs() < 1e-12, "{rate}: {found}, expected {expected}");
        }
    }
}
