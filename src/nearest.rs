//! The training images that are nearest to samples, and how far they are: has the network drawn, or copied?

use tch::{Kind, Tensor, no_grad_guard};

use crate::datasets::DataLoader;
use crate::error::{Error, Result};

/// Training images that are compared at once: what bounds the memory.
const CHUNK: i64 = 1_000;

/// What [`nearest_images`] finds.
#[derive(Debug)]
pub struct NearestImages {
    /// The training image nearest to each sample, mirrored where that is nearer: `[N, C, H, W]`, f32 in `[-1, 1]`.
    pub images: Tensor,
    /// Root mean square of the difference to it, over pixels and channels: `[N]`, f32 from 0 (a copy) to 2.
    pub distances: Tensor,
}

impl NearestImages {
    /// The median of the distances.
    pub fn median_distance(&self) -> f64 {
        self.distances.median().double_value(&[])
    }
}

/// The training image nearest to each of `images`: the one with the least sum of squared differences between pixels, mirrored
/// where that is nearer and the data set is mirrored in training.
///
/// A distance alone says little, since plain images are near to everything. Compare it with that of images which training never
/// saw, [`DataLoader::held_out`]: a network that has learned images by heart draws some that are much nearer than those.
///
/// # Shapes
/// `images`: `[N, C, H, W]`, shaped like the images of the loader.
///
/// # Errors
/// [`Error::Shape`] for images of another shape, or none.
pub fn nearest_images(images: &Tensor, dataloader: &DataLoader) -> Result<NearestImages> {
    let (shape, of_data) = (images.size(), dataloader.sample_shape());
    if shape.len() != 4 || shape[0] < 1 || shape[1..] != of_data {
        let expected = format!("[N, …] with the shape of the training images, {of_data:?}");
        return Err(Error::Shape { what: "images to compare", expected, got: shape });
    }
    let _no_grad = no_grad_guard();
    let images = images.to_device(dataloader.device()).to_kind(Kind::Float);
    let straight = least(&images, dataloader);
    let mut found = dataloader.select(&straight.1);
    if dataloader.flips() {
        let mirrored = least(&images.flip([-1]), dataloader);
        let nearer = mirrored.0.lt_tensor(&straight.0).view([-1, 1, 1, 1]);
        found = dataloader.select(&mirrored.1).flip([-1]).where_self(&nearer, &found);
    }
    let distances = (images - &found).square().flatten(1, -1).mean_dim([1].as_slice(), false, Kind::Float).sqrt();
    Ok(NearestImages { images: found, distances })
}

/// The least `|x|² - 2 s·x` over the training images `x`, which is the squared distance less `|s|²`, and whose it is: `[N]`, `[N]`.
fn least(images: &Tensor, dataloader: &DataLoader) -> (Tensor, Tensor) {
    let s = images.flatten(1, -1);
    let chunk = |start: i64| {
        let end = dataloader.samples().min(start + CHUNK);
        let x = dataloader.select(&Tensor::arange_start(start, end, (Kind::Int64, s.device()))).flatten(1, -1);
        x.square().sum_dim_intlist([1].as_slice(), false, Kind::Float) - 2.0 * s.matmul(&x.tr())
    };
    let all: Vec<Tensor> = (0..dataloader.samples()).step_by(CHUNK as usize).map(chunk).collect();
    Tensor::cat(&all, 1).min_dim(1, false)
}
