//! Samples beside the training images that are nearest to them: are they copies?

use ddpm_utils::display::Picture;
use ddpm_utils::image_grids::ImageGrid;
use ndarray::{Array4, Axis, concatenate};
use tch::Tensor;

use crate::error::{Error, Result};
use crate::loader::DataLoader;
use crate::metrics::nearest_images;
use crate::pixels::{first, to_pixels};

/// Samples that are shown, and how many of them in a row.
const SAMPLES: i64 = 16;
const COLUMNS: usize = 8;

/// Under each of the first 16 samples the training image that is nearest to it, as [`nearest_images`] finds it.
///
/// # Shapes
/// `samples`: `[N, C, H, W]`, shaped like the images of the loader.
///
/// # Errors
/// [`Error::Shape`] for samples of another shape, or none.
pub fn visualize_nearest(samples: &Tensor, dataloader: &DataLoader) -> Result<Picture> {
    let samples = first(samples, SAMPLES);
    let found = nearest_images(&samples, dataloader)?.images;
    let (shown, found) = (to_pixels(&samples)?, to_pixels(&found)?);
    let grid = ImageGrid {
        columns: Some(COLUMNS.min(shown.dim().0)),
        row_labels: (0..2 * shown.dim().0.div_ceil(COLUMNS))
            .map(|row| if row % 2 == 0 { "samples" } else { "nearest" }.to_owned())
            .collect(),
        ..ImageGrid::new(in_turns(&shown, &found)?)
    };
    Ok(grid.titled("Under each sample the training image that is nearest to it").picture()?)
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
