//! `Fnn`: the small network that learns the noise in 2-D points, on a laptop's CPU, in under a minute.

use tch::nn::{self, Module};
use tch::{Device, Tensor};

use crate::config::FnnConfig;
use crate::error::Result;
use crate::networks::{Denoiser, TimeEmbedding};

/// A feed-forward network `eps_theta(x_t, t)`: the point and the embedded timestep side by side, through linear layers
/// with ReLU between them. Parameters are named `fc1.weight`, `fc1.bias`, …
#[derive(Debug)]
pub struct Fnn {
    vs: nn::VarStore,
    time_embedding: TimeEmbedding,
    layers: Vec<nn::Linear>,
    input_width: i64,
}

impl Fnn {
    /// A network with fresh weights, drawn from libtorch's generator (see [`tch::manual_seed`]).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for sizes that cannot work.
    pub fn new(config: &FnnConfig, device: Device) -> Result<Self> {
        config.validate()?;
        let vs = nn::VarStore::new(device);
        let mut widths = vec![config.input_width + config.time_embedding];
        widths.extend(&config.hidden_widths);
        widths.push(config.input_width);
        let layer = |(i, pair): (usize, &[i64])| {
            // Weights within 1 / sqrt(inputs), as PyTorch draws them; tch's own default is wider by sqrt(6).
            let bound = 1.0 / (pair[0] as f64).sqrt();
            let config =
                nn::LinearConfig { ws_init: nn::Init::Uniform { lo: -bound, up: bound }, ..Default::default() };
            nn::linear(vs.root() / format!("fc{}", i + 1), pair[0], pair[1], config)
        };
        let layers = widths.windows(2).enumerate().map(layer).collect();
        let time_embedding = TimeEmbedding::new(config.time_embedding, device);
        Ok(Self { vs, time_embedding, layers, input_width: config.input_width })
    }
}

impl Denoiser for Fnn {
    fn predict_noise(&self, x_t: &Tensor, t: &Tensor) -> Tensor {
        let mut h = Tensor::cat(&[x_t, &self.time_embedding.forward(t)], 1);
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                h = h.relu_();
            }
            h = layer.forward(&h);
        }
        h
    }

    fn sample_shape(&self) -> Vec<i64> {
        vec![self.input_width]
    }

    fn var_store(&self) -> &nn::VarStore {
        &self.vs
    }
}
