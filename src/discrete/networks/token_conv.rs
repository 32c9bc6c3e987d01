//! `TokenConv`: a small network for text: residual convolutions along the tokens.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::nn::{self, Module};
use tch::{Device, Tensor};

use super::TokenNetwork;
use crate::error::{Result, require};
use crate::network_file::{read_network, write_network};
use crate::networks::TimeEmbedding;

const FORMAT: &str = "ddpm_tutor token network 1";

/// The sizes of a [`TokenConv`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConvConfig {
    /// `S`, the number of symbols.
    pub symbols: i64,
    /// `K`, the number of states: one more with a mask.
    pub states: i64,
    /// `W`, the width.
    pub width: i64,
    /// How far apart the tokens are that each block takes together, one entry per block.
    pub dilations: Vec<i64>,
    /// The number of tokens that a block takes together; odd.
    pub kernel: i64,
    /// Width of the time embedding; even, at least 4.
    pub time_embedding: i64,
}

impl TokenConvConfig {
    /// Sizes that learn the words of a text in a few minutes on a CPU.
    pub fn for_text(states: i64) -> Self {
        Self { symbols: 27, states, width: 96, dilations: vec![1, 2, 4, 1, 2, 4], kernel: 5, time_embedding: 64 }
    }

    /// Rejects invalid values.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first invalid field.
    pub fn validate(&self) -> Result<()> {
        let within = |of: i64, least: i64, most: i64| (least..=most).contains(&of);
        require(within(self.symbols, 1, 4096), "TokenConvConfig.symbols", "1 to 4096", self.symbols)?;
        let states = self.states == self.symbols || self.states == self.symbols + 1;
        require(states, "TokenConvConfig.states", "the number of symbols or, with a mask, one more", self.states)?;
        require(within(self.width, 1, 4096), "TokenConvConfig.width", "1 to 4096", self.width)?;
        let blocks = within(self.dilations.len() as i64, 1, 64) && self.dilations.iter().all(|d| within(*d, 1, 1024));
        let expected = "1 to 64 entries of 1 to 1024";
        require(blocks, "TokenConvConfig.dilations", expected, format!("{:?}", self.dilations))?;
        let odd = self.kernel % 2 == 1 && within(self.kernel, 1, 63);
        require(odd, "TokenConvConfig.kernel", "an odd number from 1 to 63", self.kernel)?;
        let even = self.time_embedding % 2 == 0 && within(self.time_embedding, 4, 4096);
        require(even, "TokenConvConfig.time_embedding", "an even number from 4 to 4096", self.time_embedding)
    }
}

/// A network of residual convolutions along the tokens, for samples of any length.
///
/// ```text
/// h = E[x_t]
/// h = h + W_2 silu( conv( norm(h) ) + W_t emb(t) )     in each block
/// logits = W_out norm(h)
/// ```
/// He et al. 2016, section 3; the dilations as in van den Oord et al. 2016 (WaveNet), section 2.1, but with tokens from both sides. `W_out` starts at
/// 0, so the initial prediction is uniform.
#[derive(Debug)]
pub struct TokenConv {
    vs: nn::VarStore,
    config: TokenConvConfig,
    time_embedding: TimeEmbedding,
    first: nn::Embedding,
    blocks: Vec<Block>,
    norm: nn::LayerNorm,
    last: nn::Linear,
}

#[derive(Debug)]
struct Block {
    norm: nn::LayerNorm,
    conv: nn::Conv1D,
    time: nn::Linear,
    second: nn::Linear,
}

impl Block {
    /// `h`: `[N, L, W]`; `emb`: `[N, 1, E]`.
    fn forward(&self, h: &Tensor, emb: &Tensor) -> Tensor {
        let beside = self.conv.forward(&self.norm.forward(h).transpose(1, 2)).transpose(1, 2);
        h + self.second.forward(&(beside + self.time.forward(emb)).silu())
    }
}

impl TokenConv {
    /// A network with fresh weights from libtorch's generator (see [`tch::manual_seed`]).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for invalid sizes.
    pub fn new(config: &TokenConvConfig, device: Device) -> Result<Self> {
        config.validate()?;
        let vs = nn::VarStore::new(device);
        let (root, width, embedding) = (vs.root(), config.width, config.time_embedding);
        let linear = |path: nn::Path, from: i64, to: i64| {
            // Weights within 1 / sqrt(inputs), as in PyTorch.
            let bound = 1.0 / (from as f64).sqrt();
            let ws_init = nn::Init::Uniform { lo: -bound, up: bound };
            nn::linear(path, from, to, nn::LinearConfig { ws_init, ..Default::default() })
        };
        let norm = |path: nn::Path| nn::layer_norm(path, vec![width], Default::default());
        let block = |(i, dilation): (usize, &i64)| {
            let path = &root / format!("block{}", i + 1);
            let reach =
                nn::ConvConfig { padding: config.kernel / 2 * dilation, dilation: *dilation, ..Default::default() };
            Block {
                norm: norm(&path / "norm"),
                conv: nn::conv1d(&path / "conv", width, width, config.kernel, reach),
                time: linear(&path / "time", embedding, width),
                second: linear(&path / "fc", width, width),
            }
        };
        let zero = nn::LinearConfig { ws_init: nn::Init::Const(0.0), bs_init: Some(nn::Init::Const(0.0)), bias: true };
        Ok(Self {
            time_embedding: TimeEmbedding::new(embedding, device),
            first: nn::embedding(&root / "tokens", config.states, width, Default::default()),
            blocks: config.dilations.iter().enumerate().map(block).collect(),
            norm: norm(&root / "norm"),
            last: nn::linear(&root / "out", width, config.symbols, zero),
            config: config.clone(),
            vs,
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &TokenConvConfig {
        &self.config
    }

    /// Writes its sizes and its weights, in 16 bits, to a `.safetensors` file.
    ///
    /// # Errors
    /// [`Error::Write`](crate::Error::Write) if the file cannot be written.
    pub fn save(&self, file: impl AsRef<Path>) -> Result<()> {
        write_network(file.as_ref(), FORMAT, &self.config, &self.vs)
    }

    /// The network in a file that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if it cannot be read; [`Error::Checkpoint`](crate::Error::Checkpoint) if it is damaged, or is another kind
    /// of file.
    pub fn load(file: impl AsRef<Path>, device: Device) -> Result<Self> {
        read_network(file.as_ref(), FORMAT, |config| {
            let network = Self::new(config, device)?;
            let vs = network.vs.variables();
            Ok((network, vs))
        })
    }
}

impl TokenNetwork for TokenConv {
    fn forward(&self, x_t: &Tensor, time: &Tensor) -> Tensor {
        let emb = self.time_embedding.forward(time).unsqueeze(1);
        let h = self.blocks.iter().fold(self.first.forward(x_t), |h, block| block.forward(&h, &emb));
        self.last.forward(&self.norm.forward(&h))
    }

    fn symbols(&self) -> i64 {
        self.config.symbols
    }

    fn states(&self) -> i64 {
        self.config.states
    }

    fn var_store(&self) -> &nn::VarStore {
        &self.vs
    }
}
