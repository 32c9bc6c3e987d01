//! The layers that the U-Net is built from. Each computes in the precision of its input, from weights in f32.

use tch::nn::{Init, Path};
use tch::{Device, Kind, Tensor};

use super::config::GROUPS;

/// The initial weights of a layer.
#[derive(Clone, Copy)]
pub(super) enum Start {
    /// Uniform within `1 / sqrt(inputs)`, as in PyTorch.
    Random,
    /// 0, for the last layer of a residual branch, so that every block starts as the identity. The official code of Ho
    /// et al.
    Zero,
}

impl Start {
    fn init(self, inputs: i64) -> Init {
        let bound = 1.0 / (inputs as f64).sqrt();
        match self {
            Start::Random => Init::Uniform { lo: -bound, up: bound },
            Start::Zero => Init::Const(0.0),
        }
    }
}

/// A convolution that keeps the size, or halves it with stride 2.
#[derive(Debug)]
pub(super) struct Conv {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    padding: i64,
}

impl Conv {
    /// `kernel`: 1 or 3.
    pub fn new(vs: Path, inputs: i64, outputs: i64, kernel: i64, stride: i64, start: Start) -> Self {
        let init = start.init(inputs * kernel * kernel);
        let weight = vs.var("weight", &[outputs, inputs, kernel, kernel], init);
        Self { weight, bias: vs.var("bias", &[outputs], init), stride, padding: kernel / 2 }
    }

    /// `[N, inputs, H, W]` to `[N, outputs, H / stride, W / stride]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (weight, bias) = (self.weight.to_kind(x.kind()), self.bias.to_kind(x.kind()));
        let (stride, padding) = ([self.stride; 2], [self.padding; 2]);
        x.conv2d(&weight, Some(&bias), stride, padding, [1, 1], 1)
    }
}

/// A linear layer.
#[derive(Debug)]
pub(super) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub fn new(vs: Path, inputs: i64, outputs: i64, start: Start) -> Self {
        let init = start.init(inputs);
        Self { weight: vs.var("weight", &[outputs, inputs], init), bias: vs.var("bias", &[outputs], init) }
    }

    /// The layer with the names `in_proj_weight` and `in_proj_bias`, as in MultiheadAttention.
    pub fn in_projection(vs: &Path, inputs: i64, outputs: i64) -> Self {
        let weight = vs.var("in_proj_weight", &[outputs, inputs], Start::Random.init(inputs));
        Self { weight, bias: vs.var("in_proj_bias", &[outputs], Init::Const(0.0)) }
    }

    /// `[…, inputs]` to `[…, outputs]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight.to_kind(x.kind()), Some(self.bias.to_kind(x.kind())))
    }
}

/// Group norm over eight groups of channels. Wu & He 2018.
#[derive(Debug)]
pub(super) struct Norm {
    weight: Tensor,
    bias: Tensor,
}

impl Norm {
    pub fn new(vs: Path, channels: i64) -> Self {
        let weight = vs.var("weight", &[channels], Init::Const(1.0));
        Self { weight, bias: vs.var("bias", &[channels], Init::Const(0.0)) }
    }

    /// Shaped like `x`, `[N, C, H, W]`; mean and variance are computed in f32.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        const EPS: f64 = 1e-5;
        // libtorch itself sums in f32. For bf16 inputs, it requires weights in f32 on a CPU and in bf16 on a GPU.
        let kind = if x.device() == Device::Cpu { Kind::Float } else { x.kind() };
        let (weight, bias) = (self.weight.to_kind(kind), self.bias.to_kind(kind));
        x.group_norm(GROUPS, Some(&weight), Some(&bias), EPS, true)
    }
}
