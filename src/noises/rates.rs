//! `Rates`: every coordinate becomes noise at its own rate.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Noise, gaussian::Gaussian};
use crate::error::{Error, Result, require};
use crate::process::{Basis, ByCoordinate, Process};

/// Non-uniform diffusion: coordinate `i` goes through the process at its own rate `r_i`.
///
/// ```text
/// a_i(t) = a(t)^{r_i},   s_i(t)^2 = 1 - a_i(t)^2
/// ```
/// Batzolis et al. 2022, "Non-uniform diffusion models", section 3. A rate above 1 dissolves a coordinate earlier, and sampling forms it later; 1
/// leaves it as it is. In a process with steps, `alpha_bar_i = alpha_bar^{r_i}`. With a rate far below 1, signal is left at the end, where
/// sampling starts from noise alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// `r_i`, one for each number of a sample, in its order, each above 0; a single one, for all; none: 1.
    pub rates: Vec<f64>,
}

impl Noise for Rates {
    fn draw(&self, process: &dyn Process, t: &Tensor, like: &Tensor) -> Result<Tensor> {
        Gaussian.draw(process, t, like)
    }

    fn by_coordinate(&self, process: &dyn Process, times: &[f64], x: &Tensor) -> Result<Option<ByCoordinate>> {
        let (shape, n) = (x.size()[1..].to_vec(), x.size()[1..].iter().product::<i64>() as usize);
        let rates = match self.rates[..] {
            [] => vec![1.0],
            ref rates => rates.to_vec(),
        };
        if rates.len() != n && rates.len() != 1 {
            let expected = format!("[N, …] of {} numbers each, one for each rate", rates.len());
            return Err(Error::Shape { what: "samples for these rates", expected, got: x.size() });
        }
        let amounts = |t: &f64| {
            let (a, s) = (process.signal(*t), process.noise(*t));
            let of = move |rate: &f64| match *rate {
                1.0 => [a, s],
                rate => [a.powf(rate), (-(2.0 * rate * a.ln()).exp_m1()).sqrt()],
            };
            rates.iter().map(of).collect::<Vec<_>>()
        };
        let shape = if rates.len() == 1 { vec![1; shape.len()] } else { shape };
        Ok(Some(ByCoordinate::new(Basis::of_samples(), shape, times.iter().flat_map(amounts).collect(), x)))
    }

    fn is_scalar(&self) -> bool {
        false
    }

    fn check_process(&self, process: &dyn Process) -> Result<()> {
        let variance = |share: f64| {
            let t = share * process.end();
            process.signal(t).powi(2) + process.noise(t).powi(2)
        };
        let preserved = [0.25, 0.5, 1.0].into_iter().all(|share| (variance(share) - 1.0).abs() < 1e-9);
        if preserved && process.signal(process.end()) > 0.0 {
            return Ok(());
        }
        let problem = "rates need a process that preserves the variance: discrete or vp";
        Err(Error::Unsupported(problem.to_owned()))
    }

    fn validate(&self) -> Result<()> {
        let are_valid = self.rates.iter().all(|rate| *rate > 0.0 && rate.is_finite());
        require(are_valid, "Rates.rates", "numbers above 0", format!("{:?}", self.rates))
    }
}
