//! Image data sets: the trait `ImageSet`, and the images that it loads.

use std::path::PathBuf;

use ddpm_utils::images::{Fit, ImageFormat, Labelled, check_memory, choose_and_scale};
use ndarray::{Array4, Axis};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::random::{self, Stream};

/// A data set of images that fits into memory, with one byte per channel.
pub trait ImageSet {
    /// The shape of one image, `[C, H, W]`: 3 channels for RGB, 1 for grey.
    fn shape(&self) -> [i64; 3];

    /// Whether mirror images are as likely as the images themselves: true for flowers, but not for digits.
    fn flips(&self) -> bool;

    /// The names of the classes, in the order of their labels, without reading an image.
    ///
    /// # Errors
    /// Those of listing a folder, if its sub-folders are the classes.
    fn classes(&self) -> Result<Vec<String>>;

    /// Loads at most `n` images; the seed determines which ones, and in which order.
    ///
    /// # Errors
    /// Why the set cannot be read, and what to do about it.
    fn load(&self, n: usize, seed: u64) -> Result<LabelledImages>;

    /// The folder of its files, if it has files.
    fn path_mut(&mut self) -> Option<&mut PathBuf> {
        None
    }

    /// Rejects invalid settings, without reading the data.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first invalid setting.
    fn validate(&self) -> Result<()>;
}

/// Images in memory, with their classes.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledImages {
    /// `[N, C, H, W]`, 0 to 255.
    pub pixels: Array4<u8>,
    /// The class of each image, an index into `classes`.
    pub labels: Vec<usize>,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// Remarks on the loading for the user: memory use, skipped files.
    pub remarks: Vec<String>,
}

impl LabelledImages {
    /// Only the images of these classes, labelled by their index in `classes`.
    ///
    /// # Errors
    /// [`Error::Config`] for a class that does not exist.
    pub fn only(&self, classes: &[&str]) -> Result<Self> {
        let there = |class: &&str| self.classes.iter().any(|known| known == *class);
        if let Some(unknown) = classes.iter().find(|class| !there(class)) {
            return Err(Error::config("classes", format!("names from {}", self.classes.join(", ")), unknown));
        }
        let new_label = |label: &usize| classes.iter().position(|class| *class == self.classes[*label]);
        let (indices, labels): (Vec<usize>, Vec<usize>) =
            self.labels.iter().enumerate().filter_map(|(i, label)| Some((i, new_label(label)?))).unzip();
        Ok(Self {
            pixels: self.pixels.select(Axis(0), &indices),
            labels,
            classes: owned(classes),
            remarks: self.remarks.clone(),
        })
    }
}

/// Fixed names in the form that [`ImageSet::classes`] returns.
pub(super) fn owned(classes: &[&str]) -> Vec<String> {
    classes.iter().map(|name| (*name).to_owned()).collect()
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// The images for training.
    #[default]
    Train,
    /// The images for testing.
    Test,
}

/// At most `n` of the stored images with their labels, in an order that follows from the seed.
pub(super) fn labelled(
    stored: &Labelled,
    classes: &[&str],
    size: [i64; 2],
    n: usize,
    seed: u64,
) -> Result<LabelledImages> {
    let [height, width] = size.map(|side| side as usize);
    let chosen = chosen(stored.labels.len(), n, seed);
    let format = ImageFormat { height, width, channels: stored.pixels.dim().1, fit: Fit::Squash };
    let remarks = [check_memory(chosen.len(), format)?].into_iter().chain(left_out(chosen.len(), stored.labels.len()));
    let remarks = remarks.collect();
    let pixels = choose_and_scale(&stored.pixels, &chosen, [height, width]);
    let labels = chosen.iter().map(|index| usize::from(stored.labels[*index])).collect();
    Ok(LabelledImages { pixels, labels, classes: owned(classes), remarks })
}

/// The remark if not all images are used.
pub(super) fn left_out(taken: usize, all: usize) -> Option<String> {
    (taken < all).then(|| format!("{taken} of {all} images are used (dataset_size)"))
}

/// Which `n` of `len` images to use, and in which order; both follow from the seed, and a smaller `n` gives the first
/// of these.
pub(super) fn chosen(len: usize, n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.shuffle(&mut random::generator(random::derive(seed, Stream::Data, 0)));
    order.truncate(n);
    order
}
