//! `NetworkSettings` for the U-Net.

use tch::Device;

use super::config::GROUPS;
use super::{Unet, UnetConfig};
use crate::error::{Error, Result, require};
use crate::networks::{Network, NetworkSettings};
use crate::precision::Precision;

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

    fn build(&self, outputs: i64, precision: Precision, device: Device) -> Result<Box<dyn Network>> {
        Ok(Box::new(Unet::with_outputs(self, outputs, precision, device)?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_for_an_image_that_cannot_be_halved_names_the_nearest_size() {
        let config = UnetConfig { image_shape: [3, 30, 45], ..Default::default() };
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains("24 x 40 or 32 x 48") && message.contains("got 30 x 45"), "{message}");
        let tiny = UnetConfig { image_shape: [1, 3, 8], ..Default::default() };
        assert!(tiny.validate().unwrap_err().to_string().contains("nearest: 8 x 8,"), "{tiny:?}");
        UnetConfig { image_shape: [3, 24, 40], ..Default::default() }.validate().unwrap();
    }

    #[test]
    fn invalid_sizes_are_rejected() {
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
