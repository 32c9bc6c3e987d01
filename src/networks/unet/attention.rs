//! Self-attention over the pixels: a pixel attends to all others, not only to its neighbours.

use tch::nn::Path;
use tch::{Device, Kind, Tensor};

use super::config::HEADS;
use super::layers::{Linear, Norm, Start};

/// Multi-head self-attention with a residual connection.
///
/// ```text
/// q, k, v = split( W_in norm(x) + b_in )
/// out     = x + W_out softmax( q k^T / sqrt(d) ) v + b_out,   d = C / heads
/// ```
/// Vaswani et al. 2017, equation 1; in a U-Net: Ho et al. 2020, appendix B. [`UnetConfig::scale_residuals`] does not
/// scale this sum, only that of the block before it.
///
/// [`UnetConfig::scale_residuals`]: super::UnetConfig::scale_residuals
#[derive(Debug)]
pub(super) struct Attention {
    group_norm: Norm,
    in_projection: Linear,
    out_projection: Linear,
}

impl Attention {
    pub fn new(vs: Path, channels: i64) -> Self {
        let mhsa = &vs / "mhsa";
        Self {
            group_norm: Norm::new(&vs / "group_norm", channels),
            in_projection: Linear::in_projection(&mhsa, channels, 3 * channels),
            out_projection: Linear::new(&mhsa / "out_proj", channels, channels, Start::Zero),
        }
    }

    /// `[N, C, H, W]` to `[N, C, H, W]`. `has_second_derivatives`: whether the result can be differentiated twice, as sliced score matching does.
    pub fn forward(&self, x: &Tensor, has_second_derivatives: bool) -> Tensor {
        let [q, k, v] = self.queries_keys_values(x);
        let heads = match has_second_derivatives {
            true => weights(&q, &k).to_kind(v.kind()).matmul(&v),
            // In one kernel, which is faster.
            false => Tensor::scaled_dot_product_attention(&q, &k, &v, None::<&Tensor>, 0.0, false, None::<f64>, false),
        };
        let heads = heads.to_kind(x.kind());
        // [N, heads, H W, d] back to [N, H W, C] and [N, C, H, W]
        let seen = self.out_projection.forward(&heads.transpose(1, 2).flatten(2, 3));
        x + seen.transpose(1, 2).reshape(x.size())
    }

    /// How much each pixel attends to each other pixel: `softmax( q k^T / sqrt(d) )`, `[N, heads, H W, H W]` f32, rows
    /// sum to 1.
    pub fn map(&self, x: &Tensor) -> Tensor {
        let [q, k, _] = self.queries_keys_values(x);
        weights(&q, &k)
    }

    /// Each `[N, heads, H W, d]`.
    fn queries_keys_values(&self, x: &Tensor) -> [Tensor; 3] {
        let pixels = self.group_norm.forward(x).flatten(2, 3).transpose(1, 2);
        let projected = self.in_projection.forward(&pixels);
        let (n, hw, width) = (projected.size()[0], projected.size()[1], projected.size()[2] / 3);
        [0, 1, 2].map(|part| {
            let heads = projected.narrow(2, part * width, width).view([n, hw, HEADS, width / HEADS]).transpose(1, 2);
            // On a CPU, the backward pass of attention is up to three times slower in bf16.
            if x.device() == Device::Cpu { heads.to_kind(Kind::Float) } else { heads }
        })
    }
}

/// `softmax( q k^T / sqrt(d) )`, f32.
fn weights(q: &Tensor, k: &Tensor) -> Tensor {
    let d = q.size()[3] as f64;
    (q.matmul(&k.transpose(2, 3)) / d.sqrt()).softmax(-1, Kind::Float)
}
