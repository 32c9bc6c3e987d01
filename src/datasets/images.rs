//! What an image data set is: `ImageSet`, and the images that it loads.

use std::path::PathBuf;

use ddpm_utils::images::{Fit, ImageFormat, Labelled, check_memory, choose_and_scale};
use ndarray::{Array4, Axis};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::random::{self, Stream};

/// A data set of images that fits into memory, a byte a channel.
pub trait ImageSet {
    /// The shape of one image, `[C, H, W]`: 3 channels for RGB, 1 for grey.
    fn shape(&self) -> [i64; 3];

    /// Whether the mirror image of a sample is as likely as the sample: true of flowers, not of digits.
    fn flips(&self) -> bool;

    /// The names of the classes, in the order of their labels, without reading an image.
    ///
    /// # Errors
    /// Those of listing a folder, where that says what classes there are.
    fn classes(&self) -> Result<Vec<String>>;

    /// Loads at most `n` images; which of them, and in which order, follows from the seed.
    ///
    /// # Errors
    /// What keeps the set from being read, and what to do about it.
    fn load(&self, n: usize, seed: u64) -> Result<LabelledImages>;

    /// The folder of its files, where it has files.
    fn path_mut(&mut self) -> Option<&mut PathBuf> {
        None
    }

    /// Refuses settings that cannot work, without reading the data.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first setting that cannot work.
    fn validate(&self) -> Result<()>;
}

/// Images in memory, each with the class that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledImages {
    /// `[N, C, H, W]`, 0 to 255.
    pub pixels: Array4<u8>,
    /// The class of each image, an index into `classes`.
    pub labels: Vec<usize>,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// What a user should know of the loading, a line each: how much memory, which files were skipped.
    pub remarks: Vec<String>,
}

impl LabelledImages {
    /// The images of these classes alone, labelled by their place in `classes`.
    ///
    /// # Errors
    /// [`Error::Config`] for a class that does not exist.
    pub fn only(&self, classes: &[&str]) -> Result<Self> {
        let there = |class: &&str| self.classes.iter().any(|known| known == *class);
        if let Some(unknown) = classes.iter().find(|class| !there(class)) {
            return Err(Error::config("classes", format!("some of {}", self.classes.join(", ")), unknown));
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

/// Names that are known, as [`ImageSet::classes`] gives them.
pub(super) fn owned(classes: &[&str]) -> Vec<String> {
    classes.iter().map(|name| (*name).to_owned()).collect()
}

/// The part of a data set that comes divided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// What a network learns from.
    #[default]
    Train,
    /// What it is tested with.
    Test,
}

/// At most `n` of the images that a data set stores with their labels, in an order that follows from the seed.
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

/// What is said where not all images are taken.
pub(super) fn left_out(taken: usize, all: usize) -> Option<String> {
    (taken < all).then(|| format!("{taken} of {all} images are used, the others are left out (dataset_size)"))
}

/// Which `n` of `len` images to take, and in which order: both follow from the seed, and fewer are the first of more.
pub(super) fn chosen(len: usize, n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.shuffle(&mut random::generator(random::derive(seed, Stream::Data, 0)));
    order.truncate(n);
    order
}
