//! The settings that data sets of images share: where their files are, and the size of an image.

use std::path::PathBuf;

use super::Dataset;

impl Dataset {
    /// The folder of its files, where it has files.
    pub fn path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Dataset::ImageFolder(set) => Some(&mut set.path),
            Dataset::Flowers(set) => Some(&mut set.path),
            Dataset::Mnist(set) => Some(&mut set.path),
            Dataset::FashionMnist(set) => Some(&mut set.path),
            Dataset::Cifar10(set) => Some(&mut set.path),
            Dataset::Cifar100(set) => Some(&mut set.path),
            _ => None,
        }
    }

    /// Height and width of its images, where it scales them.
    pub fn size_mut(&mut self) -> Option<&mut [i64; 2]> {
        match self {
            Dataset::ImageFolder(set) => Some(&mut set.size),
            Dataset::Flowers(set) => Some(&mut set.size),
            Dataset::Mnist(set) => Some(&mut set.size),
            Dataset::FashionMnist(set) => Some(&mut set.size),
            Dataset::Cifar10(set) => Some(&mut set.size),
            Dataset::Cifar100(set) => Some(&mut set.size),
            Dataset::PaintedFlowers(set) => Some(&mut set.size),
            _ => None,
        }
    }
}
