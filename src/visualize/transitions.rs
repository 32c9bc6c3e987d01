//! Pictures of the transitions between categories.

use ddpm_utils::display::Picture;
use ddpm_utils::image_grids::ImageGrid;
use tch::{Kind, Tensor};

use crate::discrete::{Corruption, TokenProcess};
use crate::error::Result;
use crate::pixels::to_pixels;

/// The matrices of a process on categories at these steps: above `Q_t`, what one step does, and below `Q_bar_t`, what all steps up to `t` do. A row
/// is a state before, a column one after: black is probability 0, white is 1. The scale is the square root, so that small ones can be seen.
///
/// # Errors
/// [`Error::Timestep`](crate::Error::Timestep) for a step outside `1..=T`; those of drawing.
pub fn visualize_transitions(process: &TokenProcess, steps: &[usize]) -> Result<Picture> {
    let one = steps.iter().map(|t| process.matrix(*t));
    let all = steps.iter().map(|t| process.cumulative(*t as f64));
    let matrices = Tensor::stack(&one.chain(all).collect::<Result<Vec<_>>>()?, 0).unsqueeze(1).to_kind(Kind::Float);
    let grid = ImageGrid {
        columns: Some(steps.len()),
        row_labels: vec!["one step, Q_t".to_owned(), "all t steps".to_owned()],
        column_labels: steps.iter().map(|t| format!("t = {t}")).collect(),
        ..ImageGrid::new(to_pixels(&(matrices.sqrt() * 2.0 - 1.0))?)
    };
    Ok(grid.titled(format!("The transitions between {} states", process.states())).picture()?)
}
