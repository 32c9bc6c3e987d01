//! Handwritten digits, and Fashion-MNIST, which has the same form.

use std::path::{Path, PathBuf};

use ddpm_utils::images::read_idx;
use serde::{Deserialize, Serialize};

use super::found::{find_idx, instead};
use super::image_folder::require_size;
use super::images::{Split, labelled, owned};
use super::{ImageSet, LabelledImages};
use crate::error::{Error, Result};

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Digits written by hand, 28 x 28 in grey: 60,000 to train on and 10,000 to test with. LeCun et al. 1998.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mnist {
    /// The folder with the IDX files, packed (`.gz`) or not.
    pub path: PathBuf,
    /// Which part.
    pub split: Split,
    /// Height and width; other than 28 x 28 they are scaled to it.
    pub size: [i64; 2],
    /// Whether the mirror image of a sample is as likely as the sample: not of digits.
    pub flips: bool,
}

impl Default for Mnist {
    fn default() -> Self {
        Self { path: PathBuf::from("data/mnist"), split: Split::Train, size: [28, 28], flips: false }
    }
}

impl ImageSet for Mnist {
    fn shape(&self) -> [i64; 3] {
        [1, self.size[0], self.size[1]]
    }

    fn flips(&self) -> bool {
        self.flips
    }

    fn classes(&self) -> Result<Vec<String>> {
        Ok(owned(&DIGITS))
    }

    fn load(&self, n: usize, seed: u64) -> Result<LabelledImages> {
        self.validate()?;
        load("mnist", &self.path, self.split, &DIGITS, self.size, n, seed)
    }

    fn path_mut(&mut self) -> Option<&mut PathBuf> {
        Some(&mut self.path)
    }

    fn validate(&self) -> Result<()> {
        require_size("Mnist.size", self.size)
    }
}

/// Reads images and labels of a set in the form of MNIST.
pub(super) fn load(
    name: &'static str,
    path: &Path,
    split: Split,
    classes: &[&str],
    size: [i64; 2],
    n: usize,
    seed: u64,
) -> Result<LabelledImages> {
    let part = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let images = find(name, path, &format!("{part}-images-idx3-ubyte"))?;
    let labels = find(name, path, &format!("{part}-labels-idx1-ubyte"))?;
    let read = read_idx(&images, &labels, [28, 28], classes.len())?;
    labelled(&read, classes, size, n, seed)
}

fn find(name: &'static str, folder: &Path, file: &str) -> Result<PathBuf> {
    find_idx(name, folder, file).ok_or_else(|| Error::NoData {
        name,
        path: folder.to_owned(),
        problem: format!("it holds no {file}, packed (.gz) or not{}", instead(name, folder)),
        instead: "",
    })
}
