//! `UnetConfig`: the sizes of the U-Net, and the images that fit it.

use serde::{Deserialize, Serialize};
use crate::catalogue::is_default;
use crate::error::{Error, Result, require};

/// The number of groups in a group norm, and of heads in an attention: every width is a multiple of the former, and
/// therefore of the latter.
pub(super) const GROUPS: i64 = 8;
pub(super) const HEADS: i64 = 4;

/// The configuration of the network for images. The default is the original tutorial's, after Ho et al. 2020, appendix
/// B.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnetConfig {
    /// The shape of one image, `[C, H, W]`. Every level but the last halves height and width.
    pub image_shape: [i64; 3],
    /// `B`, the channels after the first convolution; a multiple of 8.
    pub base_channels: i64,
    /// `m_i`: level `i` has `B m_i` channels. There is one level per entry.
    pub channel_multipliers: Vec<i64>,
    /// Whether level `i` has self-attention. Its cost grows with the square of the number of pixels: use it at 16 x 16
    /// or below.
    pub attention: Vec<bool>,
    /// Residual blocks per level on the way down; one more on the way up.
    pub residual_blocks: usize,
    /// The dropout rate for channels inside residual blocks, in `[0, 1)`.
    pub dropout: f64,
    /// Width of the time features, in multiples of `B`.
    pub time_multiplier: i64,
    /// Whether the sums of residual blocks, not those of attention, are scaled by 1/√2, so that their variance does not
    /// grow with depth. Song et al. 2021, appendix H.
    pub scale_residuals: bool,
    /// The number of classes that it can be conditioned on; 0 for no labels.
    #[serde(skip_serializing_if = "is_default")]
    pub classes: i64,
}

impl Default for UnetConfig {
    fn default() -> Self {
        Self {
            image_shape: [3, 32, 32],
            base_channels: 64,
            channel_multipliers: vec![1, 2, 4, 4],
            attention: vec![false, true, true, false],
            residual_blocks: 2,
            dropout: 0.1,
            time_multiplier: 2,
            scale_residuals: false,
            classes: 0,
        }
    }
}

impl UnetConfig {
    /// A small U-Net that trains in minutes on a CPU: half the channels, three levels, one residual block per level.
    pub fn small() -> Self {
        Self {
            base_channels: 32,
            channel_multipliers: vec![1, 2, 2],
            attention: vec![false, false, true],
            residual_blocks: 1,
            dropout: 0.0,
            ..Default::default()
        }
    }

    /// The same network for images of another shape, with fewer levels if those images cannot be halved often enough.
    #[must_use]
    pub fn for_images(self, image_shape: [i64; 3]) -> Self {
        let halves = |levels: &usize| image_shape[1..].iter().all(|side| side % (1 << (levels - 1)) == 0);
        let levels = (1..=self.levels()).rev().find(halves).unwrap_or(1);
        let (mut channel_multipliers, mut attention) = (self.channel_multipliers, self.attention);
        channel_multipliers.truncate(levels);
        attention.truncate(levels);
        Self { image_shape, channel_multipliers, attention, ..self }
    }

    /// The number of levels.
    pub fn levels(&self) -> usize {
        self.channel_multipliers.len()
    }

    /// The channels of level `i`.
    pub(super) fn width(&self, level: usize) -> i64 {
        self.base_channels * self.channel_multipliers[level]
    }

    /// The width of the time features.
    pub(super) fn time_width(&self) -> i64 {
        self.base_channels * self.time_multiplier
    }

    pub(super) fn check_image(&self) -> Result<()> {
        let [channels, height, width] = self.image_shape;
        let field = "UnetConfig.image_shape";
        let possible = (1..=64).contains(&channels) && [height, width].iter().all(|side| (1..=4096).contains(side));
        let expected = "[C, H, W] with 1 to 64 channels and sides of 1 to 4096";
        require(possible, field, expected, format!("{:?}", self.image_shape))?;
        let halvings = self.levels() - 1;
        let step = 1 << halvings;
        if height % step == 0 && width % step == 0 {
            return Ok(());
        }
        let below = [height, width].map(|side| (side / step * step).max(step));
        let above = [height, width].map(|side| (side + step - 1) / step * step);
        let nearest = if below == above { size(above) } else { format!("{} or {}", size(below), size(above)) };
        let expected = format!(
            "sides that can be halved {halvings} times (multiples of {step}) for {} levels; nearest: {nearest}",
            self.levels()
        );
        Err(Error::config(field, expected, size([height, width])))
    }
}

fn size([height, width]: [i64; 2]) -> String {
    format!("{height} x {width}")
}
