//! The classic sets of small images, which are stored in one of two formats. What differs between the sets is in their
//! own files.

use std::path::{Path, PathBuf};

use ddpm_utils::images::{read_cifar, read_idx};

use super::LabelledImages;
use super::found::{find_folder, find_idx, instead};
use super::images::{Split, labelled};
use crate::error::{Error, Result};

/// What is known about a set before its files are opened.
pub(super) struct Classic {
    /// Its name in the catalogue.
    pub name: &'static str,
    /// Its classes, in the order of their labels.
    pub classes: &'static [&'static str],
    pub form: Form,
}

/// How a set is stored.
pub(super) enum Form {
    /// Like MNIST: 28 x 28, grey, with images and labels in separate files.
    Idx,
    /// Like CIFAR: 32 x 32, RGB, with each image after its labels.
    Cifar {
        /// The folder in the archive.
        folder: &'static str,
        train: &'static [&'static str],
        test: &'static [&'static str],
        /// The number of labels of each image, of which the last is used.
        labels: usize,
    },
}

impl Classic {
    /// The stored number of channels, height and width.
    pub const fn stored(&self) -> [i64; 3] {
        match self.form {
            Form::Idx => [1, 28, 28],
            Form::Cifar { .. } => [3, 32, 32],
        }
    }

    /// At most `n` images of a part, scaled to `size`.
    pub fn load(&self, path: &Path, split: Split, size: [i64; 2], n: usize, seed: u64) -> Result<LabelledImages> {
        let read = match self.form {
            Form::Idx => {
                let part = match split {
                    Split::Train => "train",
                    Split::Test => "t10k",
                };
                let images = self.idx(path, &format!("{part}-images-idx3-ubyte"))?;
                let labels = self.idx(path, &format!("{part}-labels-idx1-ubyte"))?;
                read_idx(&images, &labels, [28, 28], self.classes.len())?
            }
            Form::Cifar { folder, train, test, labels } => {
                let names = match split {
                    Split::Train => train,
                    Split::Test => test,
                };
                let folder = find_folder(self.name, path, folder, names).unwrap_or_else(|| path.to_owned());
                let files: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
                if let Some((_, missing)) = files.iter().zip(names).find(|(file, _)| !file.is_file()) {
                    return Err(self.missing(path, missing));
                }
                read_cifar(&files, labels, self.classes.len())?
            }
        };
        labelled(&read, self.classes, size, n, seed)
    }

    fn idx(&self, folder: &Path, file: &str) -> Result<PathBuf> {
        let missing = || self.missing(folder, &format!("{file}, compressed (.gz) or not"));
        find_idx(self.name, folder, file).ok_or_else(missing)
    }

    fn missing(&self, path: &Path, file: &str) -> Error {
        let problem = format!("{file} is missing{}", instead(self.name, path));
        Error::NoData { name: self.name, path: path.to_owned(), problem, instead: "" }
    }
}

/// Defines the settings of a set, which are the same for all of them. Given are its default folder, whether it is
/// mirrored, and what is known about it.
macro_rules! classic {
    (
        $(#[$about:meta])* $Set:ident
        $(#[$about_path:meta])* path: $path:literal,
        $(#[$about_flips:meta])* flips: $flips:literal,
        $known:expr
    ) => {
        const KNOWN: $crate::datasets::classic::Classic = $known;

        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $Set {
            $(#[$about_path])*
            pub path: std::path::PathBuf,
            /// The part to load.
            pub split: $crate::datasets::Split,
            /// Height and width, to which images are scaled.
            pub size: [i64; 2],
            $(#[$about_flips])*
            pub flips: bool,
        }

        impl Default for $Set {
            fn default() -> Self {
                let [_, height, width] = KNOWN.stored();
                Self { path: $path.into(), split: Default::default(), size: [height, width], flips: $flips }
            }
        }

        impl $crate::datasets::ImageSet for $Set {
            fn shape(&self) -> [i64; 3] {
                [KNOWN.stored()[0], self.size[0], self.size[1]]
            }

            fn flips(&self) -> bool {
                self.flips
            }

            fn classes(&self) -> $crate::Result<Vec<String>> {
                Ok($crate::datasets::images::owned(KNOWN.classes))
            }

            fn load(&self, n: usize, seed: u64) -> $crate::Result<$crate::datasets::LabelledImages> {
                self.validate()?;
                KNOWN.load(&self.path, self.split, self.size, n, seed)
            }

            fn path_mut(&mut self) -> Option<&mut std::path::PathBuf> {
                Some(&mut self.path)
            }

            fn validate(&self) -> $crate::Result<()> {
                $crate::datasets::image_folder::require_size(concat!(stringify!($Set), ".size"), self.size)
            }
        }
    };
}

pub(super) use classic;
