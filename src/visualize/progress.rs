//! How a model's samples improved: the samples of its checkpoints, side by side.

use ddpm_utils::display::Picture;
use ddpm_utils::image_grids::ImageGrid;
use ndarray::Array4;

use super::images::side_by_side;
use crate::error::{Error, Result};
use crate::models::ModelManager;
use crate::pixels::first_pixels;
use crate::show::read_images;

/// The most checkpoints, and samples of each.
const CHECKPOINTS: usize = 8;
const SAMPLES: i64 = 6;

/// The samples drawn at the checkpoints of a training, with one column per checkpoint. All were drawn from the same
/// noise, so a row shows how one picture develops.
///
/// # Errors
/// [`Error::Unsupported`] for a model of points, or one without image samples at its checkpoints; [`Error::Path`] if
/// they cannot be read.
pub fn visualize_progress(manager: &ModelManager) -> Result<Picture> {
    if manager.config().base.dataset.shape().len() != 3 {
        let advice = "visualize_progress is for images; for points, see the plots in inference_logs";
        return Err(Error::Unsupported(advice.to_owned()));
    }
    let checkpoints = manager.checkpoints();
    let drawn = |epoch: &usize| manager.checkpoint_log(*epoch).join("samples.npy").is_file();
    let epochs: Vec<usize> = checkpoints.iter().copied().filter(drawn).collect();
    if epochs.is_empty() {
        let (name, training) = (manager.name(), &manager.config().training);
        return Err(Error::Unsupported(match checkpoints.is_empty() {
            true => {
                format!("{name} has no checkpoint yet: one is written every {} epochs", training.checkpoints.period)
            }
            false => format!(
                "no samples were drawn at the checkpoints of {name}: train it with an inference_type of image or gif, and a \
                 number of samples of at least 1 (`checkpoints`)"
            ),
        }));
    }
    let epochs = spread(&epochs);
    let mut columns: Vec<Array4<u8>> = Vec::new();
    for epoch in &epochs {
        columns.push(first_pixels(&read_images(&manager.checkpoint_log(*epoch))?, SAMPLES)?);
    }
    // A resumed training may have drawn another number of samples.
    let rows = columns.iter().map(|column| column.dim().0).min().unwrap_or(0);
    for column in &mut columns {
        column.slice_collapse(ndarray::s![..rows, .., .., ..]);
    }
    let grid = ImageGrid {
        columns: Some(epochs.len()),
        column_labels: epochs.iter().map(|epoch| format!("epoch {epoch}")).collect(),
        ..ImageGrid::new(side_by_side(&columns)?)
    };
    Ok(grid.titled(format!("{}: samples from the same noise", manager.name())).picture()?)
}

/// At most [`CHECKPOINTS`] of the epochs, including the first and the last.
fn spread(epochs: &[usize]) -> Vec<usize> {
    let columns = epochs.len().min(CHECKPOINTS);
    (0..columns).map(|i| epochs[i * (epochs.len() - 1) / (columns - 1).max(1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_spread_from_the_first_to_the_last() {
        assert_eq!(spread(&[20]), [20]);
        assert_eq!(spread(&[20, 40]), [20, 40]);
        let many: Vec<usize> = (1..=100).collect();
        let chosen = spread(&many);
        assert_eq!((chosen.len(), chosen[0], chosen[7]), (8, 1, 100));
    }
}
