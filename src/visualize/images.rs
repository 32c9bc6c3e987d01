//! Pictures of images: the data by class, the forward process.

use ddpm_utils::display::Picture;
use ddpm_utils::image_grids::ImageGrid;
use ndarray::{Array4, Axis, concatenate};
use tch::Tensor;

use super::steps::{early_steps, noised};
use crate::config::BaseConfig;
use crate::datasets::LabelledImages;
use crate::error::{Error, Result};
use crate::loader::DataLoader;
use crate::pixels::to_pixels;
use crate::process::ConstantsManager;

/// Images in a row, the most classes with a row each, and images without classes.
const COLUMNS: usize = 8;
const CLASSES: usize = 10;
const IMAGES: usize = 60;
/// Images of the forward process, and the steps at which they are shown.
const ROWS: i64 = 4;
const STEPS: usize = 7;

/// A grid of images in about `[-1, 1]`, such as samples, with this many columns.
///
/// # Errors
/// [`Error::Shape`] for anything but `[N, C, H, W]`.
pub fn visualize_images(images: &Tensor, columns: usize) -> Result<Picture> {
    Ok(ImageGrid { columns: Some(columns), ..ImageGrid::new(to_pixels(images)?) }.picture()?)
}

/// A row per class; without classes, or with very many, the first images in order.
pub(super) fn data(base: &BaseConfig) -> Result<Picture> {
    let set = base.dataset.images()?;
    let images = set.load(base.dataset_size.min(400), base.seed)?;
    let [channels, height, width] = set.shape();
    let title = format!("{}: images of {height} x {width} pixels, {channels} channels", base.dataset.name());
    let classes = images.classes.len();
    let rows = if (2..=CLASSES).contains(&classes) { rows_of(&images) } else { Vec::new() };
    let grid = match rows.iter().map(|(_, of_class)| of_class.len().min(COLUMNS)).min() {
        Some(columns) => {
            let chosen: Vec<usize> =
                rows.iter().flat_map(|(_, of_class)| of_class[..columns].iter().copied()).collect();
            ImageGrid {
                columns: Some(columns),
                row_labels: rows.iter().map(|(class, _)| images.classes[*class].clone()).collect(),
                ..ImageGrid::new(images.pixels.select(Axis(0), &chosen))
            }
        }
        None => {
            let count = images.labels.len().min(IMAGES);
            let named = if classes > 1 { count } else { 0 };
            ImageGrid {
                columns: Some(COLUMNS),
                labels: images.labels[..named].iter().map(|label| images.classes[*label].clone()).collect(),
                ..ImageGrid::new(images.pixels.select(Axis(0), &(0..count).collect::<Vec<_>>()))
            }
        }
    };
    Ok(grid.titled(title).picture()?)
}

/// The classes that have images, each with the indices of its images.
fn rows_of(images: &LabelledImages) -> Vec<(usize, Vec<usize>)> {
    let of_class = |class: usize| (0..images.labels.len()).filter(|i| images.labels[*i] == class).collect();
    let all = (0..images.classes.len()).map(|class| (class, of_class(class)));
    all.filter(|(_, indices): &(usize, Vec<usize>)| !indices.is_empty()).collect()
}

/// A row per image, a column per step.
pub(super) fn forward(constants: &ConstantsManager, dataloader: &DataLoader) -> Result<Picture> {
    let x0 = one_of_each(dataloader)?;
    let steps = early_steps(constants.timesteps(), STEPS);
    let noised: Vec<Array4<u8>> =
        steps.iter().map(|t| to_pixels(&noised(constants, &x0, *t as f64)?)).collect::<Result<_>>()?;
    let grid = ImageGrid {
        columns: Some(steps.len()),
        column_labels: steps.iter().map(|t| format!("t = {t}")).collect(),
        ..ImageGrid::new(side_by_side(&noised)?)
    };
    Ok(grid.titled("The forward process: the images after t steps of noise").picture()?)
}

/// The first image of each class or, without classes, the first images.
fn one_of_each(dataloader: &DataLoader) -> Result<Tensor> {
    let first = dataloader.first(400);
    let count = ROWS.min(first.size()[0]);
    let (Some(labels), true) = (dataloader.labels(), dataloader.classes().len() > 1) else {
        return Ok(first.narrow(0, 0, count));
    };
    let labels: Vec<i64> = Vec::try_from(labels.narrow(0, 0, first.size()[0]))?;
    let mut order: Vec<usize> = (0..labels.len()).collect();
    // A stable sort: the first of each class, then the second of each.
    order.sort_by_key(|i| labels[..*i].iter().filter(|label| **label == labels[*i]).count());
    let chosen: Vec<i64> = order[..count as usize].iter().map(|i| *i as i64).collect();
    Ok(first.index_select(0, &Tensor::from_slice(&chosen).to_device(first.device())))
}

/// Columns of images, `[N, C, H, W]` each, reordered into rows.
pub(super) fn side_by_side(columns: &[Array4<u8>]) -> Result<Array4<u8>> {
    let rows = columns.first().map_or(0, |column| column.dim().0);
    let row = |i: usize| columns.iter().map(move |column| column.slice(ndarray::s![i..=i, .., .., ..]));
    let cells: Vec<_> = (0..rows).flat_map(row).collect();
    concatenate(Axis(0), &cells).map_err(|error| Error::Unsupported(format!("images side by side: {error}")))
}
