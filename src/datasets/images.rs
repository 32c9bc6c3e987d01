//! What an image data set is: `ImageSet`, and the images that it loads.

use ndarray::Array4;
use rand::seq::SliceRandom;

use crate::error::Result;
use crate::random::{self, Stream};

/// A data set of images that fits into memory, a byte a channel.
pub trait ImageSet {
    /// The shape of one image, `[C, H, W]`: 3 channels for RGB, 1 for grey.
    fn shape(&self) -> [i64; 3];

    /// Whether the mirror image of a sample is as likely as the sample: true of flowers, not of digits.
    fn flips(&self) -> bool;

    /// Loads at most `n` images; which of them, and in which order, follows from the seed.
    ///
    /// # Errors
    /// What keeps the set from being read, and what to do about it.
    fn load(&self, n: usize, seed: u64) -> Result<LabelledImages>;

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

/// Which `n` of `len` images to take, and in which order: both follow from the seed, and fewer are the first of more.
pub(super) fn chosen(len: usize, n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.shuffle(&mut random::generator(random::derive(seed, Stream::Data, 0)));
    order.truncate(n);
    order
}
