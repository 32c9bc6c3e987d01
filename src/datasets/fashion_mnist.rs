//! Clothes in the form of MNIST.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::image_folder::require_size;
use super::images::{Split, owned};
use super::{ImageSet, LabelledImages, mnist};
use crate::error::Result;

const CLASSES: [&str; 10] =
    ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

/// Pieces of clothing, 28 x 28 in grey: 60,000 to train on and 10,000 to test with. Xiao et al. 2017.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FashionMnist {
    /// The folder with the IDX files, packed (`.gz`) or not.
    pub path: PathBuf,
    /// Which part.
    pub split: Split,
    /// Height and width; other than 28 x 28 they are scaled to it.
    pub size: [i64; 2],
    /// Whether the mirror image of a sample is as likely as the sample: shoes all point to the left here.
    pub flips: bool,
}

impl Default for FashionMnist {
    fn default() -> Self {
        Self { path: PathBuf::from("data/fashion-mnist"), split: Split::Train, size: [28, 28], flips: false }
    }
}

impl ImageSet for FashionMnist {
    fn shape(&self) -> [i64; 3] {
        [1, self.size[0], self.size[1]]
    }

    fn flips(&self) -> bool {
        self.flips
    }

    fn classes(&self) -> Result<Vec<String>> {
        Ok(owned(&CLASSES))
    }

    fn load(&self, n: usize, seed: u64) -> Result<LabelledImages> {
        self.validate()?;
        mnist::load("fashion-mnist", &self.path, self.split, &CLASSES, self.size, n, seed)
    }

    fn path_mut(&mut self) -> Option<&mut PathBuf> {
        Some(&mut self.path)
    }

    fn validate(&self) -> Result<()> {
        require_size("FashionMnist.size", self.size)
    }
}
