//! `AnyOrder`: masks are revealed one after the other, in any order: masked diffusion as an autoregressive model.

use tch::{Kind, Tensor};

use super::TokenSampler;
use crate::discrete::categorical::draw;
use crate::discrete::corruption::Corruption;
use crate::discrete::predictor::TokenPredictor;
use crate::discrete::process::TokenProcess;
use crate::error::{Error, Result, require};

/// Which masks are revealed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RevealOrder {
    /// In random order.
    #[default]
    Random,
    /// From the first to the last: an ordinary autoregressive model.
    LeftToRight,
    /// The most certain first. Chang et al. 2022 (MaskGIT), section 3.2.
    Confident,
}

/// Reveals so many masks in each step, with symbols drawn from `p_theta(x_0 | x_t)`.
///
/// ```text
/// ln p(x) >= E_order sum_{i = 1 … L} ln p( x_order(i) | x_order(1), …, x_order(i-1) )
/// ```
/// Hoogeboom et al. 2022 (autoregressive diffusion models), section 3; Austin et al. 2021, section 4. One mask at a time, with the exact
/// prediction, every order draws exactly from the data. Several at a time are drawn independently of each other.
///
/// Tokens of the start that are no masks stay as they are: it fills in the rest.
#[derive(Debug)]
pub struct AnyOrder<'a> {
    process: &'a TokenProcess,
    at_once: i64,
    order: RevealOrder,
}

impl<'a> AnyOrder<'a> {
    /// One mask after the other, in this order.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a process without a mask.
    pub fn new(process: &'a TokenProcess, order: RevealOrder) -> Result<Self> {
        Self::at_once(process, order, 1)
    }

    /// `at_once` masks in each step.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::Config`] for none.
    pub fn at_once(process: &'a TokenProcess, order: RevealOrder, at_once: i64) -> Result<Self> {
        require(at_once >= 1, "AnyOrder.at_once", "at least 1 mask in a step", at_once)?;
        match process.mask() {
            Some(_) => Ok(Self { process, at_once, order }),
            None => Err(Error::Unsupported(
                "any order: the process has no mask to reveal; use absorbing transitions".to_owned(),
            )),
        }
    }

    /// Where there are masks, `[N, L]`.
    fn masked(&self, x_t: &Tensor) -> Tensor {
        x_t.eq(self.process.symbols())
    }
}

impl TokenSampler for AnyOrder<'_> {
    fn corruption(&self) -> &dyn Corruption {
        self.process
    }

    /// The times at which the process has about as many masks.
    fn times(&self, start: &Tensor) -> Result<Vec<f64>> {
        let length = start.size()[1];
        let most = self.masked(start).sum_dim_intlist(1, false, Kind::Int64).max().int64_value(&[]);
        let left = (0..=most).rev().filter(|left| *left == 0 || (most - left) % self.at_once == 0);
        Ok(left.map(|left| (self.process.end() * left as f64 / length as f64).ceil()).collect())
    }

    fn step(&self, predictor: &dyn TokenPredictor, x_t: &Tensor, from: f64, _to: f64) -> Result<Tensor> {
        let p = predictor.logits(x_t, from)?.to_kind(Kind::Double).softmax(-1, Kind::Double);
        let masked = self.masked(x_t);
        let score = match self.order {
            RevealOrder::Random => p.select(2, 0).rand_like(),
            RevealOrder::LeftToRight => -Tensor::arange(x_t.size()[1], (Kind::Double, x_t.device())).expand_as(x_t),
            RevealOrder::Confident => p.amax([-1].as_slice(), false),
        };
        let score = score.masked_fill(&masked.logical_not(), f64::NEG_INFINITY);
        let first = score.topk(self.at_once.min(x_t.size()[1]), 1, true, false).1;
        let revealed = masked.zeros_like().scatter_value(1, &first, 1).logical_and(&masked);
        Ok(draw(&p).where_self(&revealed, x_t))
    }
}
