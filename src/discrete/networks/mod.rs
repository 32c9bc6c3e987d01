//! Networks that predict categories, and the predictor that one of them is.

mod token_conv;
mod token_unet;

use tch::{Kind, Tensor, nn, no_grad_guard};

pub use token_conv::{TokenConv, TokenConvConfig};
pub use token_unet::TokenUnet;

use super::checks::check_tokens;
use super::corruption::Corruption;
use super::predictor::TokenPredictor;
use crate::error::{Error, Result};
use crate::out_of_memory::in_parts;

/// A network on tokens: weights, and a function of the noisy tokens and their times. Implement it for your own.
pub trait TokenNetwork {
    /// The logits of `p_theta(x_0 | x_t)`.
    ///
    /// # Shapes
    /// `x_t`: `[N, L]` int64, states; `time`: `[N]` f32, the share of the process times 1000. Returns `[N, L, S]` f32.
    fn forward(&self, x_t: &Tensor, time: &Tensor) -> Tensor;

    /// `S`, the number of symbols.
    fn symbols(&self) -> i64;

    /// `K`, the number of states that it takes.
    fn states(&self) -> i64;

    /// `L`, if it takes only samples of so many tokens.
    fn length(&self) -> Option<i64> {
        None
    }

    /// The parameters `theta`, by name, and their device.
    fn var_store(&self) -> &nn::VarStore;
}

/// The most samples that pass through the network at a time.
const BATCH: i64 = 64;

/// The time in the form that networks take.
///
/// # Shapes
/// `t`: `[N]`. Returns `[N]` f32.
pub(super) fn network_time(corruption: &dyn Corruption, t: &Tensor) -> Tensor {
    (t.to_kind(Kind::Double) * (1000.0 / corruption.end())).to_kind(Kind::Float)
}

/// Rejects a network for other categories than those of the process.
pub(super) fn check_network(network: &dyn TokenNetwork, corruption: &dyn Corruption) -> Result<()> {
    let (ours, theirs) = ([network.symbols(), network.states()], [corruption.symbols(), corruption.states()]);
    if ours == theirs {
        return Ok(());
    }
    let expected = format!("one for the {} symbols and {} states of the process", theirs[0], theirs[1]);
    Err(Error::config("network", expected, format!("{} symbols and {} states", ours[0], ours[1])))
}

/// A network as a predictor, without gradients.
pub struct NetworkPredictor<'a> {
    network: &'a dyn TokenNetwork,
    corruption: &'a dyn Corruption,
}

impl<'a> NetworkPredictor<'a> {
    /// The predictions of `network`, which was trained on this process or on one with the same `Q_bar_t`.
    ///
    /// # Errors
    /// [`Error::Config`] for a network for other categories.
    pub fn new(network: &'a dyn TokenNetwork, corruption: &'a dyn Corruption) -> Result<Self> {
        check_network(network, corruption)?;
        Ok(Self { network, corruption })
    }
}

impl TokenPredictor for NetworkPredictor<'_> {
    fn logits(&self, x_t: &Tensor, t: f64) -> Result<Tensor> {
        check_tokens("x_t", x_t, self.network.states())?;
        if let Some(length) = self.network.length().filter(|length| *length != x_t.size()[1]) {
            return Err(Error::Shape { what: "x_t", expected: format!("[N, {length}]"), got: x_t.size() });
        }
        let _no_grad = no_grad_guard();
        let time = network_time(self.corruption, &Tensor::from_slice(&[t])).to_device(x_t.device());
        let of_part = |start, n| Ok(self.network.forward(&x_t.narrow(0, start, n), &time.expand([n], false)));
        Ok(in_parts(x_t.size()[0], BATCH, of_part)?.0)
    }
}
