//! `AnyOf`: one of several conditions.

use tch::{Kind, Tensor};

use super::gradient::LogProbability;
use crate::denoisers::{Denoised, Denoiser};
use crate::error::{Error, Result};

/// The denoiser of a mixture: each condition counts as much as it is probable, given `x_t`.
///
/// ```text
/// x_0 = sum_k p(k | x_t) x_0(x_t, c_k),   eps likewise
/// ```
/// The score of a sum of densities (Du et al. 2023, section 3): `c_1` OR `c_2`. It needs `p(k | x_t)`, which the denoisers do not know: a classifier
/// of noisy samples does. With the exact probabilities it is the exact denoiser of the mixture, at all times, unlike [AND and NOT](super::Composed).
pub struct AnyOf<'a> {
    parts: Vec<&'a dyn Denoiser>,
    log_probabilities: &'a LogProbability<'a>,
}

impl<'a> AnyOf<'a> {
    /// The mixture of these denoisers. `log_probabilities` returns the logarithms of `p(k | x_t)`, up to a number for each sample.
    ///
    /// # Shapes
    /// `log_probabilities`: from `x_t`, `[N, …]`, and `t` to `[N, K]`, for `K` denoisers.
    ///
    /// # Errors
    /// [`Error::Config`] for no denoisers.
    pub fn new(parts: &[&'a dyn Denoiser], log_probabilities: &'a LogProbability<'a>) -> Result<Self> {
        if parts.is_empty() {
            return Err(Error::config("conditions", "at least one", 0));
        }
        Ok(Self { parts: parts.to_vec(), log_probabilities })
    }
}

impl Denoiser for AnyOf<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        if let [one] = self.parts[..] {
            return one.denoise(x_t, t);
        }
        let logs = (self.log_probabilities)(x_t, t)?;
        let (n, k) = (x_t.size()[0], self.parts.len() as i64);
        if logs.size() != [n, k] {
            let expected = format!("[{n}, {k}], one for each sample and each condition");
            return Err(Error::Shape { what: "log probabilities", expected, got: logs.size() });
        }
        let weights = logs.softmax(-1, Kind::Double).to_kind(x_t.kind());
        let known = self.parts.iter().map(|part| part.denoise(x_t, t)).collect::<Result<Vec<_>>>()?;
        let mut shape = vec![1; x_t.dim()];
        shape[0] = n;
        let mean = |of: &dyn Fn(&Denoised) -> Tensor| {
            let weighted = |(i, part)| of(part) * weights.select(1, i as i64).view(&shape[..]);
            known.iter().enumerate().map(weighted).reduce(|sum, part| sum + part).unwrap_or_else(|| x_t.zeros_like())
        };
        let share = |of: &Denoised| of.variance_share.as_ref().map(Tensor::shallow_clone);
        let all_have_it = known.iter().all(|part| part.variance_share.is_some());
        let variance_share = all_have_it.then(|| mean(&|part| share(part).unwrap_or_else(|| x_t.zeros_like())));
        Ok(Denoised { x0: mean(&|part| part.x0.shallow_clone()), eps: mean(&|part| part.eps.shallow_clone()), variance_share })
    }
}
