//! Samples beside the training images that are nearest to them: are they copies?

use ddpm_utils::display::Picture;
use ddpm_utils::image_grids::ImageGrid;
use ndarray::{Array4, Axis, concatenate};
use tch::{Kind, Tensor, no_grad_guard};

use crate::datasets::DataLoader;
use crate::error::{Error, Result};
use crate::pixels::to_pixels;

/// Samples that are shown, how many of them in a row, and training images that are compared at once.
const SAMPLES: i64 = 16;
const COLUMNS: usize = 8;
const CHUNK: i64 = 1_000;

/// Under each of the first 16 samples the training image that is nearest to it: the one with the least sum of squared
/// differences between pixels, mirrored where that is nearer and the data set is mirrored in training.
///
/// # Shapes
/// `samples`: `[N, C, H, W]`, shaped like the images of the loader.
///
/// # Errors
/// [`Error::Shape`] for samples of another shape, or none.
pub fn visualize_nearest(samples: &Tensor, dataloader: &DataLoader) -> Result<Picture> {
    let (shape, of_data) = (samples.size(), dataloader.sample_shape());
    if shape.len() != 4 || shape[0] < 1 || shape[1..] != of_data {
        let expected = format!("[N, …] with the shape of the training images, {of_data:?}");
        return Err(Error::Shape { what: "samples to compare", expected, got: shape });
    }
    let samples = samples.narrow(0, 0, shape[0].min(SAMPLES)).to_device(dataloader.device()).to_kind(Kind::Float);
    let (shown, found) = (to_pixels(&samples)?, to_pixels(&nearest(&samples, dataloader))?);
    let grid = ImageGrid {
        columns: Some(COLUMNS.min(shown.dim().0)),
        row_labels: (0..2 * shown.dim().0.div_ceil(COLUMNS))
            .map(|row| if row % 2 == 0 { "samples" } else { "nearest" }.to_owned())
            .collect(),
        ..ImageGrid::new(in_turns(&shown, &found)?)
    };
    Ok(grid.titled("Under each sample the training image that is nearest to it").picture()?)
}

/// The training image nearest to each sample, `[N, C, H, W]`.
fn nearest(samples: &Tensor, dataloader: &DataLoader) -> Tensor {
    let _no_grad = no_grad_guard();
    // |s - x|² = |s|² - 2 s·x + |x|², of which |s|² does not matter.
    let (straight, mirrored) = (samples.flatten(1, -1), samples.flip([-1]).flatten(1, -1));
    let distances = |to: &Tensor| {
        let chunk = |start: i64| {
            let end = dataloader.samples().min(start + CHUNK);
            let x = dataloader.select(&Tensor::arange_start(start, end, (Kind::Int64, to.device()))).flatten(1, -1);
            (&x * &x).sum_dim_intlist([1].as_slice(), false, Kind::Float) - 2.0 * to.matmul(&x.tr())
        };
        Tensor::cat(&(0..dataloader.samples()).step_by(CHUNK as usize).map(chunk).collect::<Vec<_>>(), 1)
            .min_dim(1, false)
    };
    let (distance, index) = distances(&straight);
    let found = dataloader.select(&index);
    if !dataloader.flips() {
        return found;
    }
    let (mirrored_distance, mirrored_index) = distances(&mirrored);
    let nearer = mirrored_distance.lt_tensor(&distance).view([-1, 1, 1, 1]);
    dataloader.select(&mirrored_index).flip([-1]).where_self(&nearer, &found)
}

/// A row of the first images, a row of the second ones, and so on; white where a row is not full.
fn in_turns(first: &Array4<u8>, second: &Array4<u8>) -> Result<Array4<u8>> {
    let (count, channels, height, width) = first.dim();
    let columns = COLUMNS.min(count);
    let mut rows = Vec::new();
    for start in (0..count).step_by(columns) {
        let end = count.min(start + columns);
        for images in [first, second] {
            rows.push(images.slice(ndarray::s![start..end, .., .., ..]).to_owned());
            rows.push(Array4::from_elem((start + columns - end, channels, height, width), 255));
        }
    }
    let rows: Vec<_> = rows.iter().map(|row| row.view()).collect();
    concatenate(Axis(0), &rows).map_err(|error| Error::Unsupported(format!("rows of images: {error}")))
}
