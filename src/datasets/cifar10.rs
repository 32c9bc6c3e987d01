//! CIFAR-10: small photographs of ten kinds of things.

use std::path::{Path, PathBuf};

use ddpm_utils::images::read_cifar;
use serde::{Deserialize, Serialize};

use super::found::{find_folder, instead};
use super::image_folder::require_size;
use super::images::{Split, labelled, owned};
use super::{ImageSet, LabelledImages};
use crate::error::{Error, Result};

const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Photographs of ten kinds of things, 32 x 32: 50,000 to train on and 10,000 to test with. Krizhevsky 2009.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cifar10 {
    /// The folder with the files of the binary version, or with their folder `cifar-10-batches-bin`.
    pub path: PathBuf,
    /// Which part.
    pub split: Split,
    /// Height and width; other than 32 x 32 they are scaled to it.
    pub size: [i64; 2],
    /// Whether the mirror image of a sample is as likely as the sample.
    pub flips: bool,
}

impl Default for Cifar10 {
    fn default() -> Self {
        Self { path: PathBuf::from("data/cifar10"), split: Split::Train, size: [32, 32], flips: true }
    }
}

impl ImageSet for Cifar10 {
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
        let names: &[&str] = match self.split {
            Split::Train => {
                &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"]
            }
            Split::Test => &["test_batch.bin"],
        };
        let files = find("cifar10", &self.path, "cifar-10-batches-bin", names)?;
        labelled(&read_cifar(&files, 1, CLASSES.len())?, &CLASSES, self.size, n, seed)
    }

    fn path_mut(&mut self) -> Option<&mut PathBuf> {
        Some(&mut self.path)
    }

    fn validate(&self) -> Result<()> {
        require_size("Cifar10.size", self.size)
    }
}

/// The files of a part, in the folder or in the one that the archive holds.
pub(super) fn find(name: &'static str, path: &Path, inner: &str, names: &[&str]) -> Result<Vec<PathBuf>> {
    let folder = find_folder(name, path, inner, names).unwrap_or_else(|| path.to_owned());
    let files: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    match files.iter().zip(names).find(|(file, _)| !file.is_file()) {
        None => Ok(files),
        Some((_, missing)) => {
            let problem = format!("it holds no {missing}{}", instead(name, path));
            Err(Error::NoData { name, path: path.to_owned(), problem, instead: "" })
        }
    }
}
