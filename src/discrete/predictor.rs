//! `TokenPredictor`: what a sampler of categories sees of a model, or of the exact answer.

use tch::Tensor;

use crate::error::Result;

/// Predicts the data in `x_t`: a distribution over the symbols for each token.
pub trait TokenPredictor {
    /// `ln p(x_0 | x_t)` of each token, up to a constant. `t`: the time of all samples.
    ///
    /// # Shapes
    /// `x_t`: `[N, L]` int64, states. Returns `[N, L, S]`, f32 or f64.
    ///
    /// # Errors
    /// Those of the implementation.
    fn logits(&self, x_t: &Tensor, t: f64) -> Result<Tensor>;
}

impl<P: TokenPredictor + ?Sized> TokenPredictor for &P {
    fn logits(&self, x_t: &Tensor, t: f64) -> Result<Tensor> {
        (**self).logits(x_t, t)
    }
}
