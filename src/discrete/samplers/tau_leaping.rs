//! `TauLeaping`: the process in continuous time back, in steps during which the rates stay as they are.

use tch::{Kind, Tensor};

use super::TokenSampler;
use crate::discrete::back::{StepBack, columns};
use crate::discrete::categorical::draw;
use crate::discrete::checks::check_tokens;
use crate::discrete::corruption::Corruption;
use crate::discrete::mixing::Mixing;
use crate::discrete::predictor::TokenPredictor;
use crate::discrete::rates::RateProcess;
use crate::error::{Error, Result, require};

/// Tau-leaping: in a step of length `tau`, each token jumps to each other state as often as a Poisson process with the rate at its beginning.
///
/// ```text
/// R_hat_t(x, y) = beta(t) R_yx sum_{x_0} q_t(y | x_0) / q_t(x | x_0) p_theta(x_0 | x)
/// number of jumps from x to y ~ Poisson( tau R_hat_t(x, y) )
/// ```
/// Campbell et al. 2022, proposition 1 and section 4.3. Categories without an order have no sum: a token with several jumps stays where it is. Its error
/// falls in proportion to `tau`. The last step draws the data from `p_theta(x_0 | x_t)`.
#[derive(Debug)]
pub struct TauLeaping<'a> {
    process: &'a RateProcess,
    steps: usize,
    ordinal: bool,
}

impl<'a> TauLeaping<'a> {
    /// So many steps, evenly spaced, for categories without an order.
    ///
    /// # Errors
    /// [`Error::Config`] for none.
    pub fn new(process: &'a RateProcess, steps: usize) -> Result<Self> {
        require((1..=1_000_000).contains(&steps), "TauLeaping.steps", "1 to 1000000", steps)?;
        Ok(Self { process, steps, ordinal: false })
    }

    /// The same for categories with an order, such as grey levels: the jumps of a token add up, as far as the first or the last category.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a process with a mask, which is in no order.
    pub fn ordinal(self) -> Result<Self> {
        match self.process.mask() {
            None => Ok(Self { ordinal: true, ..self }),
            Some(_) => {
                Err(Error::Unsupported("ordinal tau-leaping: a mask is in no order with the symbols".to_owned()))
            }
        }
    }

    /// `R_hat_t`, the rates back to each state; 0 for the state that a token is in.
    ///
    /// # Shapes
    /// `x_t`: `[N, L]` int64. Returns `[N, L, K]` f64.
    ///
    /// # Errors
    /// Those of the predictor; [`Error::Timestep`] for a time outside the process.
    pub fn reverse_rates(&self, predictor: &dyn TokenPredictor, x_t: &Tensor, t: f64) -> Result<Tensor> {
        check_tokens("x_t", x_t, self.process.states())?;
        let q_bar = self.process.cumulative(t)?;
        let back = StepBack::new(self.process.rates(), &q_bar, &q_bar, self.process.symbols(), x_t.device());
        let ratio = back.mixed(&predictor.logits(x_t, t)?, x_t, Mixing::Posteriors)?;
        let forward = columns(&self.process.rates().to_device(x_t.device()), x_t);
        Ok((forward * ratio * self.process.beta(t)?).scatter_value(-1, &x_t.unsqueeze(-1), 0.0))
    }

    /// The probability of each state after a step without an order: exactly one jump, to this state; or none, or several, which leave the token
    /// where it is.
    ///
    /// # Shapes
    /// As in [`reverse_rates`](Self::reverse_rates).
    ///
    /// # Errors
    /// As there.
    pub fn probabilities(&self, predictor: &dyn TokenPredictor, x_t: &Tensor, from: f64, to: f64) -> Result<Tensor> {
        let expected = self.reverse_rates(predictor, x_t, from)? * (from - to);
        let all = expected.sum_dim_intlist(-1, true, Kind::Double);
        let one = &expected * (-all).exp();
        let stays: Tensor = 1.0 - one.sum_dim_intlist(-1, true, Kind::Double);
        Ok(one.scatter(-1, &x_t.unsqueeze(-1), &stays))
    }
}

impl TokenSampler for TauLeaping<'_> {
    fn corruption(&self) -> &dyn Corruption {
        self.process
    }

    fn times(&self, _start: &Tensor) -> Result<Vec<f64>> {
        let tau = self.process.end() / self.steps as f64;
        Ok((0..=self.steps).rev().map(|i| tau * i as f64).collect())
    }

    fn step(&self, predictor: &dyn TokenPredictor, x_t: &Tensor, from: f64, to: f64) -> Result<Tensor> {
        if to <= 0.0 {
            return Ok(draw(&predictor.logits(x_t, from)?.softmax(-1, Kind::Double)));
        }
        if !self.ordinal {
            return Ok(draw(&self.probabilities(predictor, x_t, from, to)?));
        }
        let jumps = (self.reverse_rates(predictor, x_t, from)? * (from - to)).poisson();
        let states = self.process.states();
        let distance = Tensor::arange(states, (Kind::Double, x_t.device())) - x_t.unsqueeze(-1);
        let moved = x_t + (jumps * distance).sum_dim_intlist(-1, false, Kind::Double);
        Ok(moved.clamp(0.0, (states - 1) as f64).to_kind(Kind::Int64))
    }
}
