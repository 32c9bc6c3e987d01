//! `UnetConfig`: the sizes of the U-Net, and which images fit through it.

use serde::{Deserialize, Serialize};
use tch::Device;

use super::Unet;
use crate::catalogue::is_default;
use crate::error::{Error, Result, require};
use crate::networks::{Network, NetworkSettings};
use crate::precision::Precision;

/// Groups of a group norm, and heads of an attention: every width is a multiple of the former, so of the latter too.
pub(super) const GROUPS: i64 = 8;
pub(super) const HEADS: i64 = 4;

/// The network for images. The default is the original tutorial's, after Ho et al. 2020, appendix B.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnetConfig {
    /// The shape of one image, `[C, H, W]`. Every level but the last halves height and width.
    pub image_shape: [i64; 3],
    /// `B`, the channels after the first convolution; a multiple of 8.
    pub base_channels: i64,
    /// `m_i`: level `i` has `B m_i` channels. As many levels as entries.
    pub channel_multipliers: Vec<i64>,
    /// Whether level `i` has self-attention. It costs with the square of the pixels: 16 x 16 and fewer are good places.
    pub attention: Vec<bool>,
    /// Residual blocks a level on the way down; one more on the way up.
    pub residual_blocks: usize,
    /// The share of channels that training drops inside a residual block, in `[0, 1)`.
    pub dropout: f64,
    /// Width of the time features, in multiples of `B`.
    pub time_multiplier: i64,
    /// Whether the sums of residual blocks, not those of attention, are scaled by 1/√2, so that their variance does not grow with
    /// depth. Song et al. 2021, appendix H.
    pub scale_residuals: bool,
    /// How many classes it can be conditioned on, each with a row of the class embedding; 0: it takes no labels.
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
    /// A small one, which a CPU trains in minutes: half the channels, three levels, one residual block a level.
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

    /// This network for images of another shape, with fewer levels where they cannot be halved often enough.
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

    fn check_image(&self) -> Result<()> {
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
            "sides that can be halved {halvings} times (multiples of {step}) for {} levels; the nearest: {nearest}",
            self.levels()
        );
        Err(Error::config(field, expected, size([height, width])))
    }
}

impl NetworkSettings for UnetConfig {
    fn validate(&self) -> Result<()> {
        let base = self.base_channels;
        let possible = (GROUPS..=2048).contains(&base) && base % GROUPS == 0;
        require(possible, "UnetConfig.base_channels", "a multiple of 8 from 8 to 2048", base)?;
        let multipliers = &self.channel_multipliers;
        let possible = (1..=8).contains(&self.levels()) && multipliers.iter().all(|m| (1..=32).contains(m));
        let expected = "1 to 8 multipliers, each 1 to 32";
        require(possible, "UnetConfig.channel_multipliers", expected, format!("{multipliers:?}"))?;
        if self.attention.len() != self.levels() {
            let expected = format!("one entry for each of the {} levels of channel_multipliers", self.levels());
            return Err(Error::config("UnetConfig.attention", expected, format!("{:?}", self.attention)));
        }
        let blocks = self.residual_blocks;
        require((1..=16).contains(&blocks), "UnetConfig.residual_blocks", "1 to 16", blocks)?;
        require((0.0..1.0).contains(&self.dropout), "UnetConfig.dropout", "in [0, 1)", self.dropout)?;
        let time = self.time_multiplier;
        require((1..=32).contains(&time), "UnetConfig.time_multiplier", "1 to 32", time)?;
        require((0..=65_536).contains(&self.classes), "UnetConfig.classes", "0 to 65536", self.classes)?;
        self.check_image()
    }

    fn build(&self, precision: Precision, device: Device) -> Result<Box<dyn Network>> {
        Ok(Box::new(Unet::new(self, precision, device)?))
    }

    fn classes(&self) -> i64 {
        self.classes
    }

    fn sample_shape(&self) -> (&'static str, Vec<i64>) {
        ("UnetConfig.image_shape", self.image_shape.to_vec())
    }

    fn largest_layer(&self) -> i64 {
        let convolution = |multiplier: &i64| 9 * (self.base_channels * multiplier).pow(2);
        self.channel_multipliers.iter().map(convolution).max().unwrap_or(0).max(self.time_width().pow(2))
    }

    fn fit(&mut self, sample_shape: &[i64]) -> bool {
        let [channels, height, width] = *sample_shape else { return false };
        self.image_shape = [channels, height, width];
        true
    }
}

fn size([height, width]: [i64; 2]) -> String {
    format!("{height} x {width}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_cannot_be_halved_names_the_nearest_that_can() {
        let config = UnetConfig { image_shape: [3, 30, 45], ..Default::default() };
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains("24 x 40 or 32 x 48") && message.contains("got 30 x 45"), "{message}");
        let tiny = UnetConfig { image_shape: [1, 3, 8], ..Default::default() };
        assert!(tiny.validate().unwrap_err().to_string().contains("the nearest: 8 x 8,"), "{tiny:?}");
        UnetConfig { image_shape: [3, 24, 40], ..Default::default() }.validate().unwrap();
    }

    #[test]
    fn sizes_that_cannot_work_are_refused() {
        let refused = |config: UnetConfig, field: &str| {
            let message = config.validate().unwrap_err().to_string();
            assert!(message.starts_with(&format!("UnetConfig.{field}: expected")), "{message}");
        };
        let default = UnetConfig::default;
        refused(UnetConfig { base_channels: 20, ..default() }, "base_channels");
        refused(UnetConfig { channel_multipliers: vec![], ..default() }, "channel_multipliers");
        refused(UnetConfig { attention: vec![true], ..default() }, "attention");
        refused(UnetConfig { residual_blocks: 0, ..default() }, "residual_blocks");
        refused(UnetConfig { dropout: f64::NAN, ..default() }, "dropout");
        refused(UnetConfig { time_multiplier: 0, ..default() }, "time_multiplier");
        refused(UnetConfig { image_shape: [0, 32, 32], ..default() }, "image_shape");
        UnetConfig::small().validate().unwrap();
    }
}
