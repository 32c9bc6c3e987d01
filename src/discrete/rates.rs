//! `RateProcess`: the forward process on categories in continuous time, a Markov jump process.

use tch::{Kind, Tensor};

use super::corruption::Corruption;
use super::process::TokenProcess;
use crate::error::{Error, Result, require};

/// A Markov chain in continuous time: each token jumps from `i` to `j` at the rate `beta(t) R_ij`.
///
/// ```text
/// d/dt p_t = p_t beta(t) R,   Q_bar_t = exp( B(t) R ),   B(t) = int_0^t beta
/// ```
/// Campbell et al. 2022, section 4.2. With uniform rates, `p_t = exp(-B) p_0 + ( 1 - exp(-B) ) / S`.
#[derive(Debug)]
pub struct RateProcess {
    rates: Tensor,
    symbols: i64,
    mask: Option<i64>,
    stationary: Tensor,
    /// `B` at `t = 0, 1, …`: it is linear between them.
    integrated: Vec<f64>,
}

/// What is left at the end, relative to the step before it, of a process with steps that leaves nothing.
const LEFT: f64 = 1e-3;

impl RateProcess {
    /// The process in continuous time through the steps of `process`: at `t = 1, 2, …, T` it has the same `Q_bar_t`. If the last step leaves
    /// nothing, it leaves a thousandth here. A network that was trained on the steps can be sampled from in continuous time.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for transitions without rates.
    pub fn through(process: &TokenProcess) -> Result<Self> {
        let Some(rates) = process.transition().rates(process.states())? else {
            let problem =
                "these transitions are no process in continuous time; those with rates: uniform, absorbing, nearest";
            return Err(Error::Unsupported(problem.to_owned()));
        };
        let mut integrated = vec![0.0];
        for beta in process.betas() {
            let strength = if *beta < 1.0 { -(1.0 - beta).ln() } else { -LEFT.ln() };
            integrated.push(integrated[integrated.len() - 1] + strength);
        }
        let (symbols, mask, stationary) = (process.symbols(), process.mask(), process.stationary());
        Ok(Self { rates, symbols, mask, stationary, integrated })
    }

    /// `R`, `[K, K]` f64: the rates from row to column; rows sum to 0.
    pub fn rates(&self) -> &Tensor {
        &self.rates
    }

    /// `B(t)`.
    ///
    /// # Errors
    /// [`Error::Timestep`] for a time outside the process.
    pub fn integrated_beta(&self, t: f64) -> Result<f64> {
        let (before, share) = self.interval(t)?;
        Ok(self.integrated[before] + share * (self.integrated[before + 1] - self.integrated[before]))
    }

    /// `beta(t)`, which is constant from each whole number to the next, where it has the value before it.
    ///
    /// # Errors
    /// [`Error::Timestep`] for a time outside the process.
    pub fn beta(&self, t: f64) -> Result<f64> {
        let (before, _) = self.interval(t)?;
        Ok(self.integrated[before + 1] - self.integrated[before])
    }

    /// The whole number before `t`, and the share of the way to the next.
    fn interval(&self, t: f64) -> Result<(usize, f64)> {
        if !(0.0..=self.end()).contains(&t) {
            return Err(Error::Timestep { expected: format!("0 to {}", self.end()), got: t.to_string() });
        }
        let before = (t.ceil() - 1.0).max(0.0);
        Ok((before as usize, t - before))
    }

    /// The same process with another `beta(t)`, constant on each of the intervals from 0 to 1, from 1 to 2, and so on.
    ///
    /// # Errors
    /// [`Error::Config`] for none, and for values that are not above 0.
    pub fn with_betas(self, betas: &[f64]) -> Result<Self> {
        let positive = !betas.is_empty() && betas.iter().all(|beta| *beta > 0.0 && beta.is_finite());
        require(
            positive,
            "beta(t) of a process in continuous time",
            "at least one value, all above 0",
            format!("{betas:?}"),
        )?;
        let sum = |total: &mut f64, beta: &f64| {
            *total += beta;
            Some(*total)
        };
        let integrated = std::iter::once(0.0).chain(betas.iter().scan(0.0, sum)).collect();
        Ok(Self { integrated, ..self })
    }
}

impl Corruption for RateProcess {
    fn symbols(&self) -> i64 {
        self.symbols
    }

    fn mask(&self) -> Option<i64> {
        self.mask
    }

    fn end(&self) -> f64 {
        (self.integrated.len() - 1) as f64
    }

    fn cumulative(&self, t: f64) -> Result<Tensor> {
        let q = (&self.rates * self.integrated_beta(t)?).linalg_matrix_exp().clamp_min(0.0);
        Ok(&q / q.sum_dim_intlist(1, true, Kind::Double))
    }

    fn stationary(&self) -> Tensor {
        self.stationary.shallow_clone()
    }
}
