//! `Unet`: the network that predicts the noise in images. It processes them at several sizes, halved on the way down
//! and doubled on the way up, with skip connections at each level.

mod attention;
mod config;
mod inside;
mod layers;
mod residual;
mod settings;

use tch::nn::{self, Path};
use tch::{Device, Kind, Tensor, no_grad_guard};

pub use config::UnetConfig;
pub use inside::{Inside, UnetSummary};
use layers::{Conv, Linear, Norm, Start};
use residual::ResidualBlock;

use super::class_embedding::ClassEmbedding;
use super::{Given, Network, NetworkSettings, TimeEmbedding, check_fits};
use crate::error::Result;
use crate::precision::Precision;

/// The U-Net `eps_theta(x_t, t)` of the original tutorial, parameter for parameter. Ronneberger et al. 2015; Ho et al.
/// 2020, appendix B.
///
/// ```text
/// x_t ─ first ─ level 0 ──────────── skips ──────────── level 0 ─ final ─ eps_theta
///                  └ level 1 ──────── skips ──────── level 1 ┘
///                       └ …  ──────── bottleneck ──────  … ┘
/// ```
#[derive(Debug)]
pub struct Unet {
    vs: nn::VarStore,
    config: UnetConfig,
    kind: Kind,
    time_embedding: TimeEmbedding,
    class_embedding: Option<ClassEmbedding>,
    time_1: Linear,
    time_2: Linear,
    first: Conv,
    encoder: Vec<Block>,
    bottleneck: [ResidualBlock; 2],
    decoder: Vec<Block>,
    final_norm: Norm,
    final_conv: Conv,
}

/// A block of the encoder or the decoder.
#[derive(Debug)]
enum Block {
    Residual(ResidualBlock),
    /// In the encoder a convolution of stride 2, which halves height and width; in the decoder they are doubled first.
    Resample(Conv),
}

impl Unet {
    /// A network with fresh weights from libtorch's generator (see [`tch::manual_seed`]).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for invalid sizes.
    pub fn new(config: &UnetConfig, precision: Precision, device: Device) -> Result<Self> {
        Self::with_outputs(config, 1, precision, device)
    }

    /// As `new`, with `outputs` numbers for each one of `x_t`, for a parameterization that needs more than one.
    ///
    /// # Errors
    /// As there.
    pub fn with_outputs(config: &UnetConfig, outputs: i64, precision: Precision, device: Device) -> Result<Self> {
        config.validate()?;
        let vs = nn::VarStore::new(device);
        let root = vs.root();
        let (base, time) = (config.base_channels, &root / "time_embeddings" / "time_blocks");
        let channels = config.image_shape[0];
        let (encoder, mut skips) = encoder(&root / "encoder_blocks", config);
        let deepest = config.width(config.levels() - 1);
        let bottleneck = [true, false].map(|attention| {
            let index = if attention { "0" } else { "1" };
            ResidualBlock::new(&root / "bottleneck_blocks" / index, deepest, deepest, attention, config)
        });
        let decoder = decoder(&root / "decoder_blocks", config, &mut skips);
        Ok(Self {
            kind: precision.kind(device),
            time_embedding: TimeEmbedding::new(base, device),
            time_1: Linear::new(&time / "1", base, config.time_width(), Start::Random),
            time_2: Linear::new(&time / "3", config.time_width(), config.time_width(), Start::Random),
            first: Conv::new(&root / "first", channels, base, 3, 1, Start::Random),
            encoder,
            bottleneck,
            decoder,
            final_norm: Norm::new(&root / "final" / "0", config.width(0)),
            final_conv: Conv::new(&root / "final" / "2", config.width(0), outputs * channels, 3, 1, Start::Zero),
            class_embedding: ClassEmbedding::new(vs.root(), config.classes, config.time_width()),
            config: config.clone(),
            vs,
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &UnetConfig {
        &self.config
    }

    /// Runs the network once and returns its intermediate results: the output of every block, and the attention.
    ///
    /// # Shapes
    /// `x_t`: `[N, C, H, W]` f32; `t`: `[N]` int64.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x_t` does not fit the network.
    pub fn look_inside(&self, x_t: &Tensor, t: &Tensor) -> Result<Inside> {
        check_fits(self, "images for this network", x_t)?;
        let _no_grad = no_grad_guard();
        let mut inside = Inside::default();
        let _eps_theta = self.run(x_t, t, &Given::default(), Some(&mut inside));
        Ok(inside)
    }

    fn run(&self, x_t: &Tensor, t: &Tensor, given: &Given, inside: Option<&mut Inside>) -> Tensor {
        let time = self.time_1.forward(&self.time_embedding.forward(t).to_kind(self.kind)).silu();
        let mut time = self.time_2.forward(&time);
        if let Some(classes) = &self.class_embedding {
            time += classes.forward(given.label.as_ref()).to_kind(self.kind);
        }
        let by_x_t = x_t.requires_grad();
        let mut pass = Pass { time: time.silu(), training: given.training, by_x_t, inside };

        let mut h = pass.record("first", self.first.forward(&x_t.to_kind(self.kind)));
        let mut skips = vec![h.shallow_clone()];
        for (i, block) in self.encoder.iter().enumerate() {
            let name = format!("encoder_blocks.{i}");
            h = match block {
                Block::Residual(block) => pass.residual(&name, block, &h),
                Block::Resample(conv) => pass.record(&name, conv.forward(&h)),
            };
            skips.push(h.shallow_clone());
        }
        for (i, block) in self.bottleneck.iter().enumerate() {
            h = pass.residual(&format!("bottleneck_blocks.{i}"), block, &h);
        }
        for (i, block) in self.decoder.iter().enumerate() {
            let name = format!("decoder_blocks.{i}");
            h = match block {
                Block::Residual(block) => {
                    let x = skips.pop().map_or(h.shallow_clone(), |skip| Tensor::cat(&[&h, &skip], 1));
                    pass.residual(&name, block, &x)
                }
                Block::Resample(conv) => pass.record(&name, conv.forward(&doubled(&h))),
            };
        }
        let eps_theta = self.final_conv.forward(&self.final_norm.forward(&h).silu());
        pass.record("final", eps_theta.to_kind(Kind::Float))
    }
}

/// One pass through the network: the common inputs of all blocks, and the results recorded for the reader.
struct Pass<'a> {
    time: Tensor,
    training: bool,
    /// Whether derivatives with respect to `x_t` are wanted, perhaps of second order.
    by_x_t: bool,
    inside: Option<&'a mut Inside>,
}

impl Pass<'_> {
    fn residual(&mut self, name: &str, block: &ResidualBlock, x: &Tensor) -> Tensor {
        let mut h = block.before_attention(x, &self.time, self.training);
        if let Some(attention) = &block.attention {
            if let Some(inside) = &mut self.inside {
                inside.attention.push((name.to_owned(), attention.map(&h)));
            }
            h = attention.forward(&h, self.by_x_t);
        }
        self.record(name, h)
    }

    fn record(&mut self, name: &str, h: Tensor) -> Tensor {
        if let Some(inside) = &mut self.inside {
            inside.features.push((name.to_owned(), h.to_kind(Kind::Float)));
        }
        h
    }
}

/// The blocks on the way down, and the channels of each skip connection.
fn encoder(vs: Path, config: &UnetConfig) -> (Vec<Block>, Vec<i64>) {
    let mut blocks = Vec::new();
    let mut skips = vec![config.base_channels];
    let mut width = config.base_channels;
    for level in 0..config.levels() {
        for _ in 0..config.residual_blocks {
            let (outputs, attention) = (config.width(level), config.attention[level]);
            let block = ResidualBlock::new(&vs / blocks.len(), width, outputs, attention, config);
            blocks.push(Block::Residual(block));
            width = outputs;
            skips.push(width);
        }
        if level + 1 < config.levels() {
            let path = &vs / blocks.len() / "downsample";
            blocks.push(Block::Resample(Conv::new(path, width, width, 3, 2, Start::Random)));
            skips.push(width);
        }
    }
    (blocks, skips)
}

/// The blocks on the way up: every residual block takes one skip connection, the last one first.
fn decoder(vs: Path, config: &UnetConfig, skips: &mut Vec<i64>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut width = config.width(config.levels() - 1);
    for level in (0..config.levels()).rev() {
        for _ in 0..=config.residual_blocks {
            let (inputs, outputs) = (width + skips.pop().unwrap_or(0), config.width(level));
            let block = ResidualBlock::new(&vs / blocks.len(), inputs, outputs, config.attention[level], config);
            blocks.push(Block::Residual(block));
            width = outputs;
        }
        if level > 0 {
            let path = &vs / blocks.len() / "upsample" / "1";
            blocks.push(Block::Resample(Conv::new(path, width, width, 3, 1, Start::Random)));
        }
    }
    blocks
}

fn doubled(h: &Tensor) -> Tensor {
    let size = h.size();
    h.upsample_nearest2d([2 * size[2], 2 * size[3]], None, None)
}

impl Network for Unet {
    fn forward(&self, x_t: &Tensor, t: &Tensor, given: &Given) -> Tensor {
        self.run(x_t, t, given, None)
    }

    fn sample_shape(&self) -> Vec<i64> {
        self.config.image_shape.to_vec()
    }

    fn var_store(&self) -> &nn::VarStore {
        &self.vs
    }
}
