//! The building blocks of Inception: convolutions with batch norm, pools, and parallel branches.

use tch::{Kind, Tensor};

use crate::error::Result;

/// The source of the weights: returns a tensor for a name and a shape.
pub(super) type Source<'a> = dyn FnMut(&str, &[i64]) -> Result<Tensor> + 'a;

/// `eps` of every batch norm. TensorFlow's slim, Szegedy et al. 2016.
const EPS: f64 = 1e-3;

/// The padding and stride of a convolution.
#[derive(Clone, Copy)]
pub(super) enum Padding {
    /// Pads with zeros to keep the size.
    Same,
    /// No padding.
    Valid,
    /// No padding, stride 2.
    Halving,
}

/// A convolution: its name within the block, its output channels, the height and width of its kernel, its padding.
pub(super) type Layer<'a> = (&'a str, i64, [i64; 2], Padding);

/// A convolution without bias, a batch norm with fixed statistics, and ReLU.
///
/// ```text
/// gamma ( w * x - mean ) / sqrt( var + eps ) + beta  =  ( g w ) * x + ( beta - g mean )      with g = gamma / sqrt( var + eps )
/// ```
struct Conv {
    /// `g w`, `[O, I, h, w]`.
    weight: Tensor,
    /// `beta - g mean`, `[O]`.
    bias: Tensor,
    stride: [i64; 2],
    padding: [i64; 2],
}

impl Conv {
    fn new(source: &mut Source, name: &str, inputs: i64, (_, outputs, kernel, padding_kind): Layer) -> Result<Self> {
        let mut read = |part: &str, shape: &[i64]| -> Result<Tensor> {
            Ok(source(&format!("{name}.{part}"), shape)?.to_kind(Kind::Double))
        };
        let weight = read("conv.weight", &[outputs, inputs, kernel[0], kernel[1]])?;
        let [gamma, beta] = [read("bn.weight", &[outputs])?, read("bn.bias", &[outputs])?];
        let [mean, var] = [read("bn.running_mean", &[outputs])?, read("bn.running_var", &[outputs])?];
        let g = gamma / (var + EPS).sqrt();
        let (stride, padding) = match padding_kind {
            Padding::Same => (1, kernel.map(|side| side / 2)),
            Padding::Valid => (1, [0; 2]),
            Padding::Halving => (2, [0; 2]),
        };
        let bias = (beta - &g * mean).to_kind(Kind::Float);
        Ok(Self { weight: (weight * g.view([-1, 1, 1, 1])).to_kind(Kind::Float), bias, stride: [stride; 2], padding })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        x.conv2d(&self.weight, Some(&self.bias), self.stride, self.padding, [1, 1], 1).relu_()
    }
}

/// A pool of 3 x 3 pixels.
#[derive(Clone, Copy)]
pub(super) enum Pool {
    /// The mean, with the size kept; `zeros`: whether padded zeros count as pixels.
    Average { zeros: bool },
    /// The maximum, with the size kept.
    Max,
    /// The maximum, with stride 2.
    MaxHalving,
}

impl Pool {
    pub fn forward(self, x: &Tensor) -> Tensor {
        match self {
            Pool::Average { zeros } => x.avg_pool2d([3, 3], [1, 1], [1, 1], false, zeros, None),
            Pool::Max => x.max_pool2d([3, 3], [1, 1], [1, 1], [1, 1], false),
            Pool::MaxHalving => x.max_pool2d([3, 3], [2, 2], [0, 0], [1, 1], false),
        }
    }
}

/// An optional pool, a chain of convolutions, and optionally some in parallel at the end.
pub(super) struct Branch {
    pool: Option<Pool>,
    chain: Vec<Conv>,
    split: Vec<Conv>,
}

impl Branch {
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let pooled = self.pool.map_or_else(|| x.shallow_clone(), |pool| pool.forward(x));
        let x = self.chain.iter().fold(pooled, |x, conv| conv.forward(&x));
        if self.split.is_empty() { x } else { concatenated(self.split.iter().map(|conv| conv.forward(&x))) }
    }
}

/// Branches with the same input, whose output channels are concatenated.
pub(super) struct Block(Vec<Branch>);

impl Block {
    pub fn forward(&self, x: &Tensor) -> Tensor {
        concatenated(self.0.iter().map(|branch| branch.forward(x)))
    }
}

fn concatenated(parts: impl Iterator<Item = Tensor>) -> Tensor {
    Tensor::cat(&parts.collect::<Vec<_>>(), 1)
}

/// Builds a block with weights from a source.
pub(super) struct BlockBuilder<'s, 'a> {
    source: &'s mut Source<'a>,
    /// The block's name with a dot, or empty.
    prefix: String,
    inputs: i64,
    branches: Vec<Branch>,
}

impl<'s, 'a> BlockBuilder<'s, 'a> {
    /// `name`: the name of the block within the network; empty for layers of the network itself.
    pub fn new(source: &'s mut Source<'a>, name: &str, inputs: i64) -> Self {
        let prefix = if name.is_empty() { String::new() } else { format!("{name}.") };
        Self { source, prefix, inputs, branches: Vec::new() }
    }

    /// Adds a branch of convolutions.
    pub fn branch(self, chain: &[Layer]) -> Result<Self> {
        self.add(None, chain, &[])
    }

    /// Adds a branch that ends in parallel convolutions.
    pub fn split(self, chain: &[Layer], split: &[Layer]) -> Result<Self> {
        self.add(None, chain, split)
    }

    /// Adds a branch that begins with a pool.
    pub fn pooled(self, pool: Pool, chain: &[Layer]) -> Result<Self> {
        self.add(Some(pool), chain, &[])
    }

    fn add(mut self, pool: Option<Pool>, chain: &[Layer], split: &[Layer]) -> Result<Self> {
        let mut inputs = self.inputs;
        let mut conv =
            |layer: &Layer, inputs| Conv::new(self.source, &format!("{}{}", self.prefix, layer.0), inputs, *layer);
        let mut convs = Vec::new();
        for layer in chain {
            convs.push(conv(layer, inputs)?);
            inputs = layer.1;
        }
        let split = split.iter().map(|layer| conv(layer, inputs)).collect::<Result<_>>()?;
        self.branches.push(Branch { pool, chain: convs, split });
        Ok(self)
    }

    pub fn build(self) -> Block {
        Block(self.branches)
    }
}
