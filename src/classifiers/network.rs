//! The layers of a classifier: convolutions for images, linear layers for points, each of which sees the noise level.

use tch::nn::{self, Module, ModuleT};
use tch::{Device, Kind, Tensor};

use crate::networks::TimeEmbedding;

/// The width of the embedded noise level.
const EMBEDDING: i64 = 32;
/// The groups of channels that are normalized together.
const GROUPS: i64 = 4;

/// Layers from noisy samples to a logit for each class.
///
/// ```text
/// h_i = silu( norm( layer_i( h_{i-1} ) ) + of_level_i( emb ) ),   logits = linear( mean over pixels of h )
/// ```
/// The classifiers of Dhariwal & Nichol 2021, section 4, are halves of a U-Net; this one is as small as flowers of 32 x 32 pixels need. Every image
/// layer after the first halves height and width.
#[derive(Debug)]
pub(super) struct Layers {
    embedding: TimeEmbedding,
    layers: Vec<Layer>,
    last: nn::Linear,
}

#[derive(Debug)]
struct Layer {
    map: Map,
    of_level: nn::Linear,
}

#[derive(Debug)]
enum Map {
    Points(nn::Linear),
    Images(Box<(nn::Conv2D, nn::GroupNorm)>),
}

impl Layers {
    /// Fresh layers for samples with this many numbers or channels, from libtorch's generator.
    pub fn new(vs: &nn::Path, inputs: i64, are_images: bool, widths: &[i64], classes: i64, device: Device) -> Self {
        let (mut layers, mut from) = (Vec::new(), inputs);
        for (i, width) in widths.iter().enumerate() {
            let at = vs / format!("layer{}", i + 1);
            let map = if are_images {
                let stride = if i == 0 { 1 } else { 2 };
                let config = nn::ConvConfig { stride, padding: 1, ..Default::default() };
                let norm = nn::group_norm(&at / "norm", GROUPS.min(*width), *width, Default::default());
                Map::Images(Box::new((nn::conv2d(&at / "conv", from, *width, 3, config), norm)))
            } else {
                Map::Points(nn::linear(&at / "linear", from, *width, Default::default()))
            };
            layers.push(Layer { map, of_level: nn::linear(&at / "of_level", EMBEDDING, *width, Default::default()) });
            from = *width;
        }
        let last = nn::linear(vs / "logits", from, classes, Default::default());
        Self { embedding: TimeEmbedding::new(EMBEDDING, device), layers, last }
    }

    /// # Shapes
    /// `x`: `[N, D]` or `[N, C, H, W]`, f32; `level`: `[N]`. Returns `[N, K]`.
    pub fn forward(&self, x: &Tensor, level: &Tensor) -> Tensor {
        let embedded = self.embedding.forward(level);
        let mut h = x.shallow_clone();
        for Layer { map, of_level } in &self.layers {
            let of_level = of_level.forward(&embedded);
            h = match map {
                Map::Points(linear) => linear.forward(&h) + of_level,
                Map::Images(both) => {
                    both.1.forward_t(&both.0.forward(&h), false) + of_level.unsqueeze(-1).unsqueeze(-1)
                }
            }
            .silu();
        }
        let pooled = if h.dim() == 4 { h.mean_dim([2, 3].as_slice(), false, Kind::Float) } else { h };
        self.last.forward(&pooled)
    }
}
