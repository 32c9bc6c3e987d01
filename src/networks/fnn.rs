//! `Fnn`: the small network that learns the noise in 2-D points, on a laptop's CPU, in under a minute.

use std::iter;

use tch::nn::{self, Module};
use tch::{Device, Tensor, no_grad_guard};

use crate::config::FnnConfig;
use crate::constants::same_timestep;
use crate::error::Result;
use crate::networks::{Denoiser, TimeEmbedding};
use crate::threads::by_parts;

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
        let h = Tensor::cat(&[x_t, &self.time_embedding.forward(t)], 1);
        through_layers(&self.layers, h)
    }

    /// The embedding of `t` is one row for all points, so its share of the first layer is computed once, as part of the bias.
    fn predict_noise_at(&self, x_t: &Tensor, t: usize) -> Tensor {
        let _no_grad = no_grad_guard();
        let time = self.time_embedding.forward(&same_timestep(t, 1, x_t.device()));
        let first = &self.layers[0];
        let weights = first.ws.split_with_sizes([self.input_width, time.size()[1]], 1);
        let bias = time.linear(&weights[1], first.bs.as_ref()).squeeze_dim(0);
        let layers = || {
            let others = self.layers[1..].iter().map(|layer| (&layer.ws, layer.bs.as_ref()));
            let all = iter::once((&weights[0], Some(&bias))).chain(others);
            all.map(|(ws, bs)| nn::Linear { ws: ws.shallow_clone(), bs: bs.map(Tensor::shallow_clone) }).collect()
        };
        by_parts(x_t, layers, |x_t, layers: Vec<nn::Linear>| through_layers(&layers, x_t))
    }

    fn sample_shape(&self) -> Vec<i64> {
        vec![self.input_width]
    }

    fn var_store(&self) -> &nn::VarStore {
        &self.vs
    }
}

/// Linear layers with ReLU between them.
fn through_layers(layers: &[nn::Linear], mut h: Tensor) -> Tensor {
    for (i, layer) in layers.iter().enumerate() {
        if i > 0 {
            h = h.relu_();
        }
        h = layer.forward(&h);
    }
    h
}

#[cfg(test)]
mod tests {
    use tch::{Kind, no_grad};

    use super::*;

    /// One part and several, the last of them shorter.
    #[test]
    fn one_timestep_for_all_gives_what_a_timestep_for_each_does() {
        let config = FnnConfig { input_width: 3, hidden_widths: vec![32, 16], ..Default::default() };
        let model = Fnn::new(&config, Device::Cpu).unwrap();
        for n in [1, 300, 5001] {
            let x_t = Tensor::randn([n, 3], (Kind::Float, Device::Cpu));
            let one = model.predict_noise_at(&x_t, 7);
            let each = no_grad(|| model.predict_noise(&x_t, &same_timestep(7, n, Device::Cpu)));
            assert!(!one.requires_grad() && one.size() == x_t.size());
            assert!((one - each).abs().max().double_value(&[]) < 1e-6, "{n} points");
        }
    }
}
