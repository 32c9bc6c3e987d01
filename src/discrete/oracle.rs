//! Predictors in closed form: for independent tokens, and for any distribution over a few strings.

use tch::{Kind, Tensor};

use super::checks::check_tokens;
use super::corruption::Corruption;
use super::predictor::TokenPredictor;
use crate::error::{Error, Result};

/// The smallest probability whose logarithm is taken.
const TINY: f64 = 1e-300;

/// The exact prediction for tokens that are independent of each other.
///
/// ```text
/// p(x_0 | x_t) = p(x_0) q(x_t | x_0) / sum_{x_0} p(x_0) q(x_t | x_0)
/// ```
/// Bayes' rule.
#[derive(Debug)]
pub struct IndependentOracle<'a> {
    corruption: &'a dyn Corruption,
    log_prior: Tensor,
}

impl<'a> IndependentOracle<'a> {
    /// The oracle of data with these probabilities of the symbols.
    ///
    /// # Shapes
    /// `probabilities`: `[S]`, the same for all tokens, or `[L, S]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of symbols; [`Error::Config`] unless each distribution sums to 1.
    pub fn new(corruption: &'a dyn Corruption, probabilities: &Tensor) -> Result<Self> {
        let (size, symbols) = (probabilities.size(), corruption.symbols());
        if !(1..=2).contains(&size.len()) || size[size.len() - 1] != symbols {
            return Err(Error::Shape {
                what: "probabilities",
                expected: format!("[{symbols}] or [L, {symbols}]"),
                got: size,
            });
        }
        let probabilities = probabilities.to_kind(Kind::Double);
        check_probabilities("probabilities of the symbols", &probabilities)?;
        Ok(Self { corruption, log_prior: probabilities.clamp_min(TINY).log() })
    }
}

impl TokenPredictor for IndependentOracle<'_> {
    fn logits(&self, x_t: &Tensor, t: f64) -> Result<Tensor> {
        check_tokens("x_t", x_t, self.corruption.states())?;
        let likelihood = self.corruption.likelihood(x_t, t)?;
        Ok(likelihood.clamp_min(TINY).log() + self.log_prior.to_device(x_t.device()))
    }
}

/// The exact prediction for data that is one of a few strings, each with its probability. It knows how the tokens depend on each other.
///
/// ```text
/// p(s | x_t) in proportion to p(s) prod_l q(x_t^l | s^l),   p(x_0^l = k | x_t) = sum_{s: s^l = k} p(s | x_t)
/// ```
/// Bayes' rule.
#[derive(Debug)]
pub struct StringsOracle<'a> {
    corruption: &'a dyn Corruption,
    strings: Tensor,
    log_prior: Tensor,
}

impl<'a> StringsOracle<'a> {
    /// The oracle of data that consists of these strings.
    ///
    /// # Shapes
    /// `strings`: `[M, L]` int64, symbols; `probabilities`: `[M]`.
    ///
    /// # Errors
    /// [`Error::Config`] for other tokens, and unless the probabilities sum to 1; [`Error::Shape`] for another number of them.
    pub fn new(corruption: &'a dyn Corruption, strings: &Tensor, probabilities: &Tensor) -> Result<Self> {
        check_tokens("strings", strings, corruption.symbols())?;
        let strings = strings.shallow_clone();
        let m = strings.size()[0];
        if probabilities.size() != [m] {
            let got = probabilities.size();
            return Err(Error::Shape { what: "probabilities", expected: format!("[{m}], one per string"), got });
        }
        let probabilities = probabilities.to_kind(Kind::Double);
        check_probabilities("probabilities of the strings", &probabilities)?;
        Ok(Self { corruption, strings, log_prior: probabilities.clamp_min(TINY).log() })
    }
}

impl TokenPredictor for StringsOracle<'_> {
    fn logits(&self, x_t: &Tensor, t: f64) -> Result<Tensor> {
        check_tokens("x_t", x_t, self.corruption.states())?;
        let ([n, l], [m, length]) = ([x_t.size()[0], x_t.size()[1]], [self.strings.size()[0], self.strings.size()[1]]);
        if l != length {
            return Err(Error::Shape { what: "x_t", expected: format!("[N, {length}]"), got: x_t.size() });
        }
        let log = self.corruption.likelihood(x_t, t)?.clamp_min(TINY).log();
        let strings = self.strings.to_device(x_t.device());
        // Of each token of each string: [N, M, L].
        let index = strings.unsqueeze(0).unsqueeze(-1).expand([n, m, l, 1], false);
        let of_tokens =
            log.unsqueeze(1).expand([n, m, l, log.size()[2]], false).gather(-1, &index, false).squeeze_dim(-1);
        let of_strings = of_tokens.sum_dim_intlist(-1, false, Kind::Double) + self.log_prior.to_device(x_t.device());
        let p = of_strings.softmax(-1, Kind::Double);
        let one_hot = strings.onehot(self.corruption.symbols()).to_kind(Kind::Double).view([m, -1]);
        Ok(p.matmul(&one_hot).view([n, l, -1]).clamp_min(TINY).log())
    }
}

fn check_probabilities(what: &'static str, probabilities: &Tensor) -> Result<()> {
    let off = (probabilities.sum_dim_intlist(-1, false, Kind::Double) - 1.0).abs().max().double_value(&[]);
    if probabilities.min().double_value(&[]) >= 0.0 && off < 1e-6 {
        return Ok(());
    }
    Err(Error::config(
        what,
        "at least 0 each, with a sum of 1",
        format!("a sum that is off by {off:.1e}, or a negative one"),
    ))
}
