//! EMA: a moving average of the weights, which samples better than the weights themselves.

use tch::{Tensor, no_grad_guard};

use super::optim::AdamW;
use crate::error::Result;

/// The exponential moving average of a network's parameters.
///
/// ```text
/// theta_ema = d theta_ema + (1 - d) theta,   d = min( decay, (1 + k) / (10 + k) )
/// ```
/// at step `k`, so that the first steps, which start from random weights, are soon forgotten. Ho et al. 2020, appendix
/// B (with `decay = 0.9999`); the warm-up is that of TensorFlow's `ExponentialMovingAverage`.
#[derive(Debug)]
pub struct Ema {
    /// `[P]`, in the optimizer's layout.
    pub(crate) average: Tensor,
    decay: f64,
}

impl Ema {
    /// An average that starts at the current parameters; `decay` in `[0, 1)`.
    pub fn new(optimizer: &AdamW, decay: f64) -> Self {
        Self { average: optimizer.parameters.values.copy(), decay }
    }

    /// Adds the parameters after the optimizer's latest step to the average.
    pub fn update(&mut self, optimizer: &AdamW) {
        let _no_grad = no_grad_guard();
        let k = optimizer.steps() as f64;
        let decay = self.decay.min((1.0 + k) / (10.0 + k));
        let _ = self.average.lerp_(&optimizer.parameters.values, 1.0 - decay);
    }

    /// The average of all parameters, in the order of their names, `[P]`.
    pub fn average(&self) -> &Tensor {
        &self.average
    }

    /// Puts the averaged weights into the network until the result is dropped, which restores the network's own
    /// weights.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) if the network has since got another optimizer.
    pub(super) fn swap_in(&self, optimizer: &AdamW) -> Result<Restore> {
        optimizer.parameters.check_still_ours()?;
        Ok(Restore::swap_in(&optimizer.parameters.values, &self.average))
    }
}

/// Restores the network's own weights when dropped, even after a panic.
pub(super) struct Restore {
    values: Tensor,
    own: Tensor,
}

impl Restore {
    fn swap_in(values: &Tensor, average: &Tensor) -> Self {
        let _no_grad = no_grad_guard();
        let mut restore = Self { values: values.shallow_clone(), own: values.copy() };
        restore.values.copy_(average);
        restore
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        let _no_grad = no_grad_guard();
        self.values.copy_(&self.own);
    }
}
