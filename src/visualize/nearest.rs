//! Samples with the nearest training images: are they copies?

use ddpm_utils::display::Picture;
use ddpm_utils::image_grids::ImageGrid;
use ndarray::{Array4, Axis, concatenate};
use tch::Tensor;

use crate::error::{Error, Result};
use crate::loader::DataLoader;
use crate::metrics::nearest_images;
use crate::pixels::{first, to_pixels};

/// The number of samples shown, and how many per row.
const SAMPLES: i64 = 16;
const COLUMNS: usize = 8;

/// The first 16 samples, each with the nearest training image below it, as found by [`nearest_images`].
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
        ..ImageGrid::new(interleave_rows(&shown, &found)?)
    };
    Ok(grid.titled("Each sample with the nearest training image below it").picture()?)
}

/// Alternates rows of the first and the second images; incomplete rows are filled with white.
fn interleave_rows(first: &Array4<u8>, second: &Array4<u8>) -> Result<Array4<u8>> {
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
