//! The residual block: two convolutions with a time input, and a skip connection.

use std::f64::consts::FRAC_1_SQRT_2;

use tch::Tensor;
use tch::nn::Path;

use super::attention::Attention;
use super::config::UnetConfig;
use super::layers::{Conv, Linear, Norm, Start};

/// A residual block, followed by attention at some levels.
///
/// ```text
/// h   = conv_1( silu( norm_1(x) ) ) + dense_1( silu(time) )
/// h   = conv_2( dropout( silu( norm_2(h) ) ) )
/// out = attention( h + match_input(x) )
/// ```
/// `match_input` is a 1 x 1 convolution if the number of channels changes, otherwise the identity. He et al. 2016; Ho
/// et al. 2020, appendix B. With [`UnetConfig::scale_residuals`] the sum `h + match_input(x)` is divided by `sqrt(2)`;
/// that of the attention is not.
#[derive(Debug)]
pub(super) struct ResidualBlock {
    norm_1: Norm,
    conv_1: Conv,
    dense_1: Linear,
    norm_2: Norm,
    conv_2: Conv,
    match_input: Option<Conv>,
    pub attention: Option<Attention>,
    dropout: f64,
    scale: bool,
}

impl ResidualBlock {
    pub fn new(vs: Path, inputs: i64, outputs: i64, attention: bool, config: &UnetConfig) -> Self {
        let conv = |name: &str, inputs, kernel, start| Conv::new(&vs / name, inputs, outputs, kernel, 1, start);
        // The names are those of the original, including spelling, so that its checkpoints can be read.
        Self {
            norm_1: Norm::new(&vs / "normlize_1", inputs),
            conv_1: conv("conv_1", inputs, 3, Start::Random),
            dense_1: Linear::new(&vs / "dense_1", config.time_width(), outputs, Start::Random),
            norm_2: Norm::new(&vs / "normlize_2", outputs),
            conv_2: conv("conv_2", outputs, 3, Start::Zero),
            match_input: (inputs != outputs).then(|| conv("match_input", inputs, 1, Start::Random)),
            attention: attention.then(|| Attention::new(&vs / "attention", outputs)),
            dropout: config.dropout,
            scale: config.scale_residuals,
        }
    }

    /// The output of the block before its attention. `x`: `[N, inputs, H, W]`; `time`: `[N, W]`, after
    /// its SiLU.
    pub fn before_attention(&self, x: &Tensor, time: &Tensor, training: bool) -> Tensor {
        let h = self.conv_1.forward(&self.norm_1.forward(x).silu());
        let h = h + self.dense_1.forward(time).unsqueeze(-1).unsqueeze(-1);
        let h = self.norm_2.forward(&h).silu();
        let h = if training && self.dropout > 0.0 { h.feature_dropout(self.dropout, true) } else { h };
        let h = self.conv_2.forward(&h);
        let sum = match &self.match_input {
            Some(conv) => h + conv.forward(x),
            None => h + x,
        };
        if self.scale { sum * FRAC_1_SQRT_2 } else { sum }
    }
}
