//! `ParameterGroup`: parameters with one optimizer, and their moving average.

use tch::{Tensor, nn};

use super::ema::Ema;
use super::optim::AdamW;
use crate::config::TrainingConfig;
use crate::error::Result;
use crate::networks::sorted_variables;

/// The parameters that one optimizer updates: all of a denoiser, or the generator or the discriminator of a GAN.
#[derive(Debug)]
pub struct ParameterGroup {
    /// Its name, which prefixes its tensors in a checkpoint; empty for the only group of a model.
    pub name: &'static str,
    /// The optimizer, with its moments.
    pub optimizer: AdamW,
    /// The moving average of the parameters.
    pub ema: Ema,
    /// The buffers of the network, which are not trained, by name.
    pub(crate) buffers: Vec<(String, Tensor)>,
}

impl ParameterGroup {
    /// The group of everything in `vs`, before the first step.
    pub(super) fn new(name: &'static str, vs: &nn::VarStore, training: &TrainingConfig) -> Result<Self> {
        let buffers = sorted_variables(vs).into_iter().filter(|(_, tensor)| !tensor.requires_grad()).collect();
        let optimizer = AdamW::new(vs, training.weight_decay, training.gradient_clipping)?;
        let ema = Ema::new(&optimizer, training.ema_decay);
        Ok(Self { name, optimizer, ema, buffers })
    }
}
