//! The options for comparing images: which network's features, and what is computed of them.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::features::{FeatureNetwork, OWN, feature_network};
use ddpm_tutor::prelude::*;
use serde_json::{Value, json};

/// What is computed of images where no metric is named.
pub const OF_IMAGES: [&str; 6] = ["frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage"];

#[derive(Args)]
pub struct ImageFeatures {
    /// Images: compare them on the features of Inception v3, with the weights in this file, in place of the project's own small network
    #[arg(long, value_name = "FILE")]
    inception: Option<PathBuf>,
}

impl ImageFeatures {
    pub fn is_given(&self) -> bool {
        self.inception.is_some()
    }

    /// The side that images of a folder are brought to, where none was chosen.
    pub fn side(&self) -> i64 {
        if self.is_given() { 299 } else { 32 }
    }

    /// The network that looks at the images.
    pub fn network(&self, device: Device) -> Result<Box<dyn FeatureNetwork>> {
        match &self.inception {
            Some(file) => feature_network(&file.to_string_lossy(), device),
            None => feature_network(OWN, device),
        }
    }
}

/// A set of images as the network sees it.
pub struct Seen {
    /// `[N, F]`
    pub features: Tensor,
    /// How surely each image is of one class, and how many classes there are.
    pub class_score: f64,
}

impl Seen {
    /// What the network sees of `images`: `[N, C, H, W]` in `[-1, 1]`.
    pub fn by(network: &dyn FeatureNetwork, images: &Tensor) -> Result<Self> {
        let look = network.look(images)?;
        Ok(Self { features: look.features.to_device(Device::Cpu), class_score: class_score(&look.probabilities)? })
    }

    /// Their class scores, as JSON has them.
    pub fn scores(a: &Self, b: &Self) -> Value {
        json!({ "a": a.class_score, "b": b.class_score })
    }
}
