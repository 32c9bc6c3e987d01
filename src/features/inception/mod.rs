//! `InceptionV3`: the network on whose features FID, KID and the inception score are defined. Its weights come from a
//! file that the reader provides.

mod blocks;
mod layers;
mod read;

use tch::{Device, Kind, Tensor};

pub use read::read_inception;

use super::batches::ImageBatches;
use super::{ExtractedFeatures, FeatureNetwork};
use crate::error::Result;
use layers::{Block, BlockBuilder, Padding, Pool, Source};

/// Height and width of its input.
const SIZE: i64 = 299;
/// Images per batch: 16 take about 0.5 GB.
const BATCH: i64 = 16;
/// Channels after the first pool, the second, the blocks at 17 x 17, and the last block.
const STAGES: [i64; 4] = [64, 192, 768, 2048];

/// The origin of the weights. Both variants use the same names; they differ in pools and classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InceptionVariant {
    /// torchvision's `inception_v3`: average pools count padded zeros as pixels. Its features are not those of
    /// published FIDs.
    Torchvision,
    /// TensorFlow's weights of 2015-12-05, with which FIDs are published, as converted by pytorch-fid and
    /// torch-fidelity: average pools count only real pixels, the last block uses a max pool, and there are 1008
    /// classes.
    Fid,
}

/// Inception v3 up to its last average pool: 2048 features, and the probabilities of its classes. Szegedy et al. 2016;
/// for FID, Heusel et al. 2017.
///
/// Images are resized to 299 x 299 as a whole, bilinearly and without smoothing, and scaled to `[-1, 1]`, as in
/// pytorch-fid. (torchvision's `transform_input` uses that range too. torch-fidelity resizes as TensorFlow 1 did, which
/// changes its FIDs slightly.) A grey image becomes three equal channels.
pub struct InceptionV3 {
    variant: InceptionVariant,
    stem: [Block; 2],
    middle: Vec<Block>,
    last: Vec<Block>,
    /// `[K, 2048]`.
    weight: Tensor,
    /// `[K]`; 0 for [`InceptionVariant::Fid`].
    bias: Tensor,
    batches: ImageBatches,
}

impl InceptionV3 {
    /// The network with this many classes, and the tensors that `source` returns for each name and shape. The names are
    /// torchvision's.
    ///
    /// # Errors
    /// Those of `source`.
    pub fn new(
        variant: InceptionVariant,
        classes: i64,
        device: Device,
        mut source: impl FnMut(&str, &[i64]) -> Result<Tensor>,
    ) -> Result<Self> {
        let mut source = |name: &str, shape: &[i64]| -> Result<Tensor> { Ok(source(name, shape)?.to_device(device)) };
        let source: &mut Source = &mut source;
        let average = Pool::Average { zeros: variant == InceptionVariant::Torchvision };
        let last_pool = if variant == InceptionVariant::Fid { Pool::Max } else { average };
        let first = BlockBuilder::new(source, "", 3).branch(&[
            ("Conv2d_1a_3x3", 32, [3, 3], Padding::Halving),
            ("Conv2d_2a_3x3", 32, [3, 3], Padding::Valid),
            ("Conv2d_2b_3x3", 64, [3, 3], Padding::Same),
        ])?;
        let first = first.build();
        let second = BlockBuilder::new(source, "", 64)
            .branch(&[("Conv2d_3b_1x1", 80, [1, 1], Padding::Valid), ("Conv2d_4a_3x3", 192, [3, 3], Padding::Valid)])?;
        let second = second.build();
        let middle = vec![
            blocks::a(source, "Mixed_5b", 192, 32, average)?,
            blocks::a(source, "Mixed_5c", 256, 64, average)?,
            blocks::a(source, "Mixed_5d", 288, 64, average)?,
            blocks::b(source, "Mixed_6a", 288)?,
            blocks::c(source, "Mixed_6b", 128, average)?,
            blocks::c(source, "Mixed_6c", 160, average)?,
            blocks::c(source, "Mixed_6d", 160, average)?,
            blocks::c(source, "Mixed_6e", 192, average)?,
        ];
        let last = vec![
            blocks::d(source, "Mixed_7a")?,
            blocks::e(source, "Mixed_7b", 1280, average)?,
            blocks::e(source, "Mixed_7c", 2048, last_pool)?,
        ];
        let weight = source("fc.weight", &[classes, STAGES[3]])?.to_kind(Kind::Float);
        let mut bias = source("fc.bias", &[classes])?.to_kind(Kind::Float);
        if variant == InceptionVariant::Fid {
            bias = bias.zeros_like();
        }
        let batches = ImageBatches { size: SIZE, batch: BATCH, device, antialias: false };
        Ok(Self { variant, stem: [first, second], middle, last, weight, bias, batches })
    }

    /// The origin of its weights.
    pub fn variant(&self) -> InceptionVariant {
        self.variant
    }

    /// The means over the image after the first pool, the second, the blocks at 17 x 17, and the last block,
    /// concatenated: `[N, 64 + 192 + 768 + 2048]`. The last 2048 are [the
    /// features](super::ExtractedFeatures::features); the others are those that pytorch-fid uses for smaller `--dims`,
    /// for which fewer images suffice.
    ///
    /// # Errors
    /// As [`FeatureNetwork`].
    pub fn stage_means(&self, images: &Tensor) -> Result<Tensor> {
        self.batches.map(images, |x| Tensor::cat(&self.means(x), 1))
    }

    /// `[n, 3, 299, 299]` to the means of each stage.
    fn means(&self, x: &Tensor) -> [Tensor; 4] {
        let through =
            |blocks: &[Block], x: &Tensor| blocks.iter().fold(x.shallow_clone(), |x, block| block.forward(&x));
        let first = Pool::MaxHalving.forward(&self.stem[0].forward(x));
        let second = Pool::MaxHalving.forward(&self.stem[1].forward(&first));
        let third = through(&self.middle, &second);
        let fourth = through(&self.last, &third);
        [first, second, third, fourth].map(|x| x.mean_dim([2, 3].as_slice(), false, Kind::Float))
    }
}

impl FeatureNetwork for InceptionV3 {
    fn description(&self) -> &'static str {
        match self.variant {
            InceptionVariant::Fid => "Inception v3 with the weights of FID",
            InceptionVariant::Torchvision => {
                "Inception v3 with torchvision's weights (not comparable with published FIDs)"
            }
        }
    }

    fn width(&self) -> i64 {
        STAGES[3]
    }

    fn classes(&self) -> i64 {
        self.bias.size()[0]
    }

    fn device(&self) -> Device {
        self.batches.device
    }

    /// The probabilities are `softmax(W f + b)`. With the weights of FID, `b` is left out, as in published inception
    /// scores (the code of Salimans et al. 2016); torch-fidelity calls these `logits_unbiased`.
    fn extract(&self, images: &Tensor) -> Result<ExtractedFeatures> {
        let both = self.batches.map(images, |x| {
            let [.., features] = self.means(x);
            let probabilities = features.linear(&self.weight, Some(&self.bias)).softmax(-1, Kind::Float);
            Tensor::cat(&[features, probabilities], 1)
        })?;
        Ok(ExtractedFeatures::of(&both, STAGES[3]))
    }
}
