//! Networks that turn images into vectors, on which metrics compare sets of images: the project's own small one, and Inception v3 from a
//! file of the reader's.

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

/// A network that looks at images: a vector of features for each, and how probable each of its classes is.
///
/// It takes images `[N, C, H, W]` of any size, with `C` 1 or 3, f32 in about `[-1, 1]` or bytes, on any device. It resizes them, brings them to
/// the network's device in batches of bounded size (smaller ones where memory runs out), and keeps no gradients.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) for anything but such images, or none;
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where not even one image fits.
pub trait FeatureNetwork {
    /// Which network it is, in words that a report of a distance needs: distances on the features of different networks do not
    /// compare.
    fn what(&self) -> &'static str;

    /// The width `F` of a vector of features.
    fn width(&self) -> i64;

    /// The number `K` of classes.
    fn classes(&self) -> i64;

    /// Where it computes, and where its results are.
    fn device(&self) -> Device;

    /// What it sees in images.
    fn look(&self, images: &Tensor) -> Result<Look>;
}

/// What a [`FeatureNetwork`] sees in images, f32 on its device.
#[derive(Debug)]
pub struct Look {
    /// A vector for each image, `[N, F]`.
    pub features: Tensor,
    /// How probable each class is, `[N, K]`; a row's sum is 1.
    pub probabilities: Tensor,
}

impl Look {
    /// From both side by side, `[N, F + K]`, of which the first are `width` features.
    fn of(both: &Tensor, width: i64) -> Self {
        let classes = both.size()[1] - width;
        Self { features: both.narrow(1, 0, width), probabilities: both.narrow(1, width, classes) }
    }
}

/// The name of the network that comes with the project, for [`feature_network`].
pub const OWN: &str = "own";

/// The network that comes with the project for [`OWN`], else Inception v3 with the weights in the file of that name.
///
/// # Errors
/// As [`read_inception`].
pub fn feature_network(name: &str, device: Device) -> Result<Box<dyn FeatureNetwork>> {
    match name {
        OWN => Ok(Box::new(FlowerFeatures::shipped(device)?)),
        file => Ok(Box::new(read_inception(Path::new(file), device)?)),
    }
}
