//! CIFAR-100: small photographs of a hundred kinds of things.

use std::path::PathBuf;

use ddpm_utils::images::read_cifar;
use serde::{Deserialize, Serialize};

use super::image_folder::require_size;
use super::images::{Split, labelled, owned};
use super::{ImageSet, LabelledImages, cifar10};
use crate::error::Result;

/// The fine classes, in the order of their labels.
#[rustfmt::skip]
const CLASSES: [&str; 100] = [
    "apple", "aquarium fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple tree", "motorcycle", "mountain", "mouse", "mushroom", "oak tree", "orange",
    "orchid", "otter", "palm tree", "pear", "pickup truck", "pine tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow tree", "wolf", "woman", "worm",
];

/// Photographs of a hundred kinds of things, 32 x 32: 50,000 to train on and 10,000 to test with. Krizhevsky 2009.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cifar100 {
    /// The folder with the files of the binary version, or with their folder `cifar-100-binary`.
    pub path: PathBuf,
    /// Which part.
    pub split: Split,
    /// Height and width; other than 32 x 32 they are scaled to it.
    pub size: [i64; 2],
    /// Whether the mirror image of a sample is as likely as the sample.
    pub flips: bool,
}

impl Default for Cifar100 {
    fn default() -> Self {
        Self { path: PathBuf::from("data/cifar100"), split: Split::Train, size: [32, 32], flips: true }
    }
}

impl ImageSet for Cifar100 {
    fn shape(&self) -> [i64; 3] {
        [3, self.size[0], self.size[1]]
    }

    fn flips(&self) -> bool {
        self.flips
    }

    fn classes(&self) -> Result<Vec<String>> {
        Ok(owned(&CLASSES))
    }

    fn load(&self, n: usize, seed: u64) -> Result<LabelledImages> {
        self.validate()?;
        let name = match self.split {
            Split::Train => "train.bin",
            Split::Test => "test.bin",
        };
        let files = cifar10::find("cifar100", &self.path, "cifar-100-binary", &[name])?;
        // Each image has the label of its coarse class, of which there are twenty, and then that of its fine one.
        labelled(&read_cifar(&files, 2, CLASSES.len())?, &CLASSES, self.size, n, seed)
    }

    fn path_mut(&mut self) -> Option<&mut PathBuf> {
        Some(&mut self.path)
    }

    fn validate(&self) -> Result<()> {
        require_size("Cifar100.size", self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_names_in_their_alphabetical_order() {
        assert!(CLASSES.is_sorted());
        assert!(
            CLASSES.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == ' ') && !name.contains("  "))
        );
    }
}
