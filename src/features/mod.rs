//! Networks that turn images into vectors, so that metrics can compare sets of images: the project's own small one, and
//! Inception v3 with weights from a file that the reader provides.

mod alterations;
mod batches;
mod flower_features;
mod flower_training;
mod inception;

use std::path::Path;

use tch::{Device, Tensor};

pub use flower_features::FlowerFeatures;
pub use flower_training::{FlowerTraining, FlowerTrainingReport, train_flower_features};
pub use inception::{InceptionV3, InceptionVariant, read_inception};

use crate::error::Result;

/// A network that extracts a vector of features from each image, and the probabilities of its classes.
///
/// It takes images `[N, C, H, W]` of any size, with `C` 1 or 3, f32 in about `[-1, 1]` or bytes, on any device. It
/// resizes them, moves them to its own device in batches of bounded size (smaller ones if memory runs out), and
/// computes no gradients.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) for anything but such images, or none;
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory) if not even one image fits.
pub trait FeatureNetwork {
    /// The name of the network, which belongs in every report of a distance: distances on the features of different
    /// networks cannot be compared.
    fn description(&self) -> &'static str;

    /// `F`, the number of features.
    fn width(&self) -> i64;

    /// `K`, the number of classes.
    fn classes(&self) -> i64;

    /// The device that it computes on, which also holds its results.
    fn device(&self) -> Device;

    /// Extracts the features of images.
    fn extract(&self, images: &Tensor) -> Result<ExtractedFeatures>;
}

/// What a [`FeatureNetwork`] extracts from images, f32 on its device.
#[derive(Debug)]
pub struct ExtractedFeatures {
    /// A vector for each image, `[N, F]`.
    pub features: Tensor,
    /// The probability of each class, `[N, K]`; rows sum to 1.
    pub probabilities: Tensor,
}

impl ExtractedFeatures {
    /// Splits `[N, F + K]` into the `width` features and the probabilities.
    fn of(both: &Tensor, width: i64) -> Self {
        let classes = both.size()[1] - width;
        Self { features: both.narrow(1, 0, width), probabilities: both.narrow(1, width, classes) }
    }
}

/// The name of the network that comes with the project, for [`feature_network`].
pub const OWN: &str = "own";

/// The network that comes with the project if `name` is [`OWN`], else Inception v3 with the weights in the file `name`.
///
/// # Errors
/// As [`read_inception`].
pub fn feature_network(name: &str, device: Device) -> Result<Box<dyn FeatureNetwork>> {
    match name {
        OWN => Ok(Box::new(FlowerFeatures::shipped(device)?)),
        file => Ok(Box::new(read_inception(Path::new(file), device)?)),
    }
}
