//! `ResidualMlp`: a deeper network for points, built from residual blocks.

use serde::{Deserialize, Serialize};
use tch::nn::{self, Module};
use tch::{Device, Tensor};

use super::class_embedding::ClassEmbedding;
use super::{Given, Network, NetworkSettings, TimeEmbedding};
use crate::catalogue::is_default;
use crate::error::{Result, require};
use crate::precision::Precision;

/// Residual blocks for points, each of which gets the time embedding. It learns finer structure than the
/// [FNN](super::Fnn), and takes longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResidualMlpConfig {
    /// `D`, the coordinates of a point.
    pub input_width: i64,
    /// Width of the time embedding; even, at least 4.
    pub time_embedding: i64,
    /// `W`, the width of the blocks.
    pub width: i64,
    /// The number of blocks.
    pub blocks: usize,
    /// The number of classes that it can be conditioned on; 0 for no labels.
    #[serde(skip_serializing_if = "is_default")]
    pub classes: i64,
}

impl Default for ResidualMlpConfig {
    fn default() -> Self {
        Self { input_width: 2, time_embedding: 32, width: 128, blocks: 3, classes: 0 }
    }
}

impl NetworkSettings for ResidualMlpConfig {
    fn validate(&self) -> Result<()> {
        const WIDEST: i64 = 1 << 16;
        let width = |of: i64| (1..=WIDEST).contains(&of);
        require(width(self.input_width), "ResidualMlpConfig.input_width", "1 to 65536", self.input_width)?;
        let even = self.time_embedding % 2 == 0 && (4..=WIDEST).contains(&self.time_embedding);
        let expected = "an even number from 4 to 65536";
        require(even, "ResidualMlpConfig.time_embedding", expected, self.time_embedding)?;
        require(width(self.width), "ResidualMlpConfig.width", "1 to 65536", self.width)?;
        require((1..=64).contains(&self.blocks), "ResidualMlpConfig.blocks", "1 to 64", self.blocks)?;
        require((0..=WIDEST).contains(&self.classes), "ResidualMlpConfig.classes", "0 to 65536", self.classes)
    }

    fn build(&self, outputs: i64, _precision: Precision, device: Device) -> Result<Box<dyn Network>> {
        Ok(Box::new(ResidualMlp::with_outputs(self, outputs, device)?))
    }

    fn classes(&self) -> i64 {
        self.classes
    }

    fn sample_shape(&self) -> (&'static str, Vec<i64>) {
        ("ResidualMlpConfig.input_width", vec![self.input_width])
    }

    fn largest_layer(&self) -> i64 {
        self.width.pow(2)
    }

    fn fit(&mut self, sample_shape: &[i64]) -> bool {
        let [width] = *sample_shape else { return false };
        self.input_width = width;
        true
    }
}

/// A network of residual blocks `F_theta(x_t, t)`.
///
/// ```text
/// h = W_in x_t
/// h = h + W_2 silu( W_1 norm(h) + W_t emb(t) )     in each block
/// F = W_out norm(h)
/// ```
/// He et al. 2016, section 3; the norm before each layer as in Xiong et al. 2020. `W_out` starts at 0, so the initial
/// output is 0.
#[derive(Debug)]
pub struct ResidualMlp {
    vs: nn::VarStore,
    time_embedding: TimeEmbedding,
    class_embedding: Option<ClassEmbedding>,
    first: nn::Linear,
    blocks: Vec<Block>,
    norm: nn::LayerNorm,
    last: nn::Linear,
    input_width: i64,
}

#[derive(Debug)]
struct Block {
    norm: nn::LayerNorm,
    first: nn::Linear,
    time: nn::Linear,
    second: nn::Linear,
}

impl Block {
    fn forward(&self, h: &Tensor, emb: &Tensor) -> Tensor {
        let inner = self.first.forward(&self.norm.forward(h)) + self.time.forward(emb);
        h + self.second.forward(&inner.silu())
    }
}

impl ResidualMlp {
    /// A network with fresh weights from libtorch's generator (see [`tch::manual_seed`]).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for invalid sizes.
    pub fn new(config: &ResidualMlpConfig, device: Device) -> Result<Self> {
        Self::with_outputs(config, 1, device)
    }

    /// As `new`, with `outputs` numbers for each one of `x_t`, for a parameterization that needs more than one.
    ///
    /// # Errors
    /// As there.
    pub fn with_outputs(config: &ResidualMlpConfig, outputs: i64, device: Device) -> Result<Self> {
        config.validate()?;
        let vs = nn::VarStore::new(device);
        let (width, input_width, embedding) = (config.width, config.input_width, config.time_embedding);
        let linear = |path: nn::Path, from: i64, to: i64| {
            // Weights within 1 / sqrt(inputs), as in PyTorch.
            let bound = 1.0 / (from as f64).sqrt();
            let ws_init = nn::Init::Uniform { lo: -bound, up: bound };
            nn::linear(path, from, to, nn::LinearConfig { ws_init, ..Default::default() })
        };
        let norm = |path: nn::Path| nn::layer_norm(path, vec![width], Default::default());
        let root = vs.root();
        let block = |i: usize| {
            let path = &root / format!("block{}", i + 1);
            Block {
                norm: norm(&path / "norm"),
                first: linear(&path / "fc1", width, width),
                time: linear(&path / "time", embedding, width),
                second: linear(&path / "fc2", width, width),
            }
        };
        let zero = nn::LinearConfig { ws_init: nn::Init::Const(0.0), bs_init: Some(nn::Init::Const(0.0)), bias: true };
        Ok(Self {
            time_embedding: TimeEmbedding::new(embedding, device),
            class_embedding: ClassEmbedding::new(vs.root(), config.classes, embedding),
            first: linear(&root / "in", input_width, width),
            blocks: (0..config.blocks).map(block).collect(),
            norm: norm(&root / "norm"),
            last: nn::linear(&root / "out", width, input_width * outputs, zero),
            input_width,
            vs,
        })
    }
}

impl Network for ResidualMlp {
    fn forward(&self, x_t: &Tensor, t: &Tensor, given: &Given) -> Tensor {
        let time = self.time_embedding.forward(t);
        let emb = match &self.class_embedding {
            Some(classes) => time + classes.forward(given.label.as_ref()),
            None => time,
        };
        let h = self.blocks.iter().fold(self.first.forward(x_t), |h, block| block.forward(&h, &emb));
        self.last.forward(&self.norm.forward(&h))
    }

    fn sample_shape(&self) -> Vec<i64> {
        vec![self.input_width]
    }

    fn var_store(&self) -> &nn::VarStore {
        &self.vs
    }
}
