//! The chain from noise to symbols: the steps of a sampler, as an iterator, and `generate_tokens`.

use std::ops::ControlFlow;

use tch::{Device, Tensor, no_grad_guard};

use super::checks::check_tokens;
use super::predictor::TokenPredictor;
use super::samplers::TokenSampler;
use crate::error::{Result, require};
use crate::random::{self, Stream};

/// One state of a chain.
#[derive(Debug)]
pub struct TokenState {
    /// The number of steps taken: 0 at the start, `steps` at the end.
    pub step: usize,
    /// The total number of steps.
    pub steps: usize,
    /// The time of the tokens.
    pub t: f64,
    /// The tokens at this time, `[N, L]` int64.
    pub tokens: Tensor,
}

/// A chain as an iterator: yields the start and the state after each step. It switches gradients off.
pub struct TokenChain<'a> {
    sampler: &'a dyn TokenSampler,
    predictor: &'a dyn TokenPredictor,
    times: Vec<f64>,
    step: usize,
    tokens: Tensor,
}

impl<'a> TokenChain<'a> {
    /// The chain from `start`: [noise](super::Corruption::draw_end), or for [`AnyOrder`](super::AnyOrder) tokens some of which are known.
    ///
    /// # Shapes
    /// `start`: `[N, L]` int64.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for tokens that are no states; those of [`TokenSampler::times`].
    pub fn new(sampler: &'a dyn TokenSampler, predictor: &'a dyn TokenPredictor, start: &Tensor) -> Result<Self> {
        check_tokens("start of a chain", start, sampler.corruption().states())?;
        Ok(Self { sampler, predictor, times: sampler.times(start)?, step: 0, tokens: start.shallow_clone() })
    }
}

impl Iterator for TokenChain<'_> {
    type Item = Result<TokenState>;

    fn next(&mut self) -> Option<Self::Item> {
        let _no_grad = no_grad_guard();
        let t = *self.times.get(self.step)?;
        if self.step > 0 {
            match self.sampler.step(self.predictor, &self.tokens, self.times[self.step - 1], t) {
                Ok(tokens) => self.tokens = tokens,
                Err(error) => {
                    self.step = self.times.len();
                    return Some(Err(error));
                }
            }
        }
        let state = TokenState { step: self.step, steps: self.times.len() - 1, t, tokens: self.tokens.shallow_clone() };
        self.step += 1;
        Some(Ok(state))
    }
}

/// Draws `n` samples of `length` tokens, on the CPU, and passes every state to `observer`. The same seed draws the same samples. If the observer ends
/// the chain early, the samples are the tokens of that state.
///
/// # Shapes
/// Returns `[n, length]` int64.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for no samples or no tokens; those of the sampler and the predictor.
pub fn generate_tokens(
    sampler: &dyn TokenSampler,
    predictor: &dyn TokenPredictor,
    n: i64,
    length: i64,
    seed: u64,
    observer: &mut dyn FnMut(&TokenState) -> ControlFlow<()>,
) -> Result<Tensor> {
    require(n >= 1, "number of samples", "at least 1", n)?;
    require(length >= 1, "number of tokens", "at least 1", length)?;
    random::seed_libtorch(random::derive(seed, Stream::Sampling, 0));
    let mut tokens = sampler.corruption().draw_end(n, length, Device::Cpu);
    let start = tokens.shallow_clone();
    for state in TokenChain::new(sampler, predictor, &start)? {
        let state = state?;
        let goes_on = observer(&state);
        tokens = state.tokens;
        if goes_on.is_break() {
            break;
        }
    }
    Ok(tokens)
}
