//! Comparing images: which network extracts the features, and which metrics are computed on them.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::features::{FeatureNetwork, OWN, feature_network};
use ddpm_tutor::prelude::*;
use serde_json::{Value, json};

/// The metrics for images if none is named.
pub const IMAGE_METRICS: [&str; 6] =
    ["frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage"];

#[derive(Args)]
pub struct ImageFeatures {
    /// Images: compare them on the features of Inception v3, with the weights in this file, instead of the project's
    /// own small network
    #[arg(long, value_name = "FILE")]
    inception: Option<PathBuf>,
}

impl ImageFeatures {
    pub fn is_given(&self) -> bool {
        self.inception.is_some()
    }

    /// The side length that images of a folder are resized to by default.
    pub fn side(&self) -> i64 {
        if self.is_given() { 299 } else { 32 }
    }

    /// The network that extracts the features.
    pub fn network(&self, device: Device) -> Result<Box<dyn FeatureNetwork>> {
        match &self.inception {
            Some(file) => feature_network(&file.to_string_lossy(), device),
            None => feature_network(OWN, device),
        }
    }
}

/// The features of a set of images.
pub struct FeatureSet {
    /// Their features, `[N, F]`.
    pub features: Tensor,
    /// How distinct and how varied the images are: see [`class_score`].
    pub class_score: f64,
}

impl FeatureSet {
    /// Extracts the features of `images`: `[N, C, H, W]` in `[-1, 1]`.
    pub fn new(network: &dyn FeatureNetwork, images: &Tensor) -> Result<Self> {
        let found = network.extract(images)?;
        Ok(Self { features: found.features.to_device(Device::Cpu), class_score: class_score(&found.probabilities)? })
    }

    /// The class scores of two sets, as JSON.
    pub fn scores(a: &Self, b: &Self) -> Value {
        json!({ "a": a.class_score, "b": b.class_score })
    }
}
