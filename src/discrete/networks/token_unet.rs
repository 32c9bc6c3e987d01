//! `TokenUnet`: the U-Net of images, for images whose pixels are categories.

use tch::{Device, Kind, Tensor, nn};

use super::TokenNetwork;
use crate::error::{Result, require};
use crate::networks::{Given, Network, Unet, UnetConfig};
use crate::precision::Precision;

/// The U-Net on pixels that are categories, a channel for each state. A token is a pixel, in the order of the rows.
///
/// ```text
/// logits = F_theta( onehot(x_t), t ) + onehot(x_t)
/// ```
/// Austin et al. 2021, appendix B, which adds `x_t` in the same way. There is no dropout.
#[derive(Debug)]
pub struct TokenUnet {
    unet: Unet,
    symbols: i64,
    states: i64,
    size: [i64; 2],
}

impl TokenUnet {
    /// A U-Net with these sizes, except for the number of channels, for images of this height and width.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for invalid sizes, and for more than 64 states.
    pub fn new(config: &UnetConfig, symbols: i64, has_mask: bool, size: [i64; 2], device: Device) -> Result<Self> {
        let states = symbols + i64::from(has_mask);
        require((2..=64).contains(&states), "number of categories", "2 to 64, with the mask", states)?;
        let config = config.clone().for_images([states, size[0], size[1]]);
        Ok(Self { unet: Unet::new(&config, Precision::F32, device)?, symbols, states, size })
    }
}

impl TokenNetwork for TokenUnet {
    fn forward(&self, x_t: &Tensor, time: &Tensor) -> Tensor {
        let [height, width] = self.size;
        let one_hot =
            x_t.onehot(self.states).to_kind(Kind::Float).transpose(1, 2).reshape([-1, self.states, height, width]);
        let output = self.unet.forward(&one_hot, time, &Given::default()) + &one_hot;
        output.narrow(1, 0, self.symbols).flatten(2, 3).transpose(1, 2)
    }

    fn symbols(&self) -> i64 {
        self.symbols
    }

    fn states(&self) -> i64 {
        self.states
    }

    fn length(&self) -> Option<i64> {
        Some(self.size[0] * self.size[1])
    }

    fn var_store(&self) -> &nn::VarStore {
        self.unet.var_store()
    }
}
