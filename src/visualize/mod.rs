//! Pictures of the data, the schedule, the forward process, the training and the score field. A notebook shows a
//! picture if it is the last expression in a cell; pictures can also be saved.

mod comparison;
mod curves;
mod images;
mod inside;
mod nearest;
mod points;
mod progress;
mod steps;
mod transitions;

use ddpm_utils::display::Picture;

use crate::config::BaseConfig;
use crate::error::Result;
use crate::loader::DataLoader;
use crate::process::ConstantsManager;

pub use comparison::{visualize_comparison, visualize_ladder};
pub use curves::{visualize_training, visualize_training_beside, visualize_variance_schedule};
pub use images::visualize_images;
pub use inside::{visualize_attention, visualize_features};
pub use nearest::visualize_nearest;
pub use points::{visualize_points, visualize_score_field};
pub use progress::visualize_progress;
pub use transitions::visualize_transitions;

/// The data set of `base`: points coloured by angle, or images with the names of their classes.
///
/// # Errors
/// [`Error::Unsupported`](crate::Error::Unsupported) for the reader's own data; those of loading.
pub fn visualize_data(base: &BaseConfig) -> Result<Picture> {
    base.validate()?;
    if base.dataset.is_images() { images::data(base) } else { points::data(base) }
}

/// The forward process: data at `t = 0`, noise at `t = T`. Points keep the colour of their starting place; images
/// have one row each.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) for points that are not in the plane.
pub fn visualize_forward(constants: &ConstantsManager, dataloader: &DataLoader) -> Result<Picture> {
    match dataloader.sample_shape().len() {
        3 => images::forward(constants, dataloader),
        _ => points::forward(constants, dataloader),
    }
}
