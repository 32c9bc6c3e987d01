//! The data sets, each a file of its own.

mod checkerboard;
mod cifar10;
mod cifar100;
mod circles;
mod dataset;
mod fashion_mnist;
mod flowers;
mod found;
mod image_folder;
mod images;
mod mnist;
mod moons;
mod painted_flowers;
mod point_set;
mod settings;
mod spiral;
mod swiss_roll;

pub use checkerboard::Checkerboard;
pub use cifar10::Cifar10;
pub use cifar100::Cifar100;
pub use circles::Circles;
pub use dataset::Dataset;
pub use ddpm_utils::images::Fit;
pub use fashion_mnist::FashionMnist;
pub use flowers::Flowers;
pub use found::{find_folder, find_idx, instead};
pub use image_folder::ImageFolder;
pub use images::{ImageSet, LabelledImages, Split};
pub use mnist::Mnist;
pub use moons::Moons;
pub use painted_flowers::PaintedFlowers;
pub use point_set::PointSet;
pub use spiral::Spiral;
pub use swiss_roll::SwissRoll;
