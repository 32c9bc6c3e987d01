//! Pictures of images: a grid of them, and an animation of how they form.

use ddpm_utils::display::Picture;
use ddpm_utils::image_grids::{ImageAnimation, ImageGrid, ImagePanel};
use ndarray::Array4;

use super::frames::{is_image_frame, stopped};
use super::snapshot::{self, heading};
use crate::config::InferType;
use crate::error::Result;
use crate::pixels::first_pixels;
use crate::samplers::{ChainState, shown_time};

/// The most images in a grid and in an animation.
const IN_GRID: i64 = 64;
const IN_ANIMATION: i64 = 16;

/// Snapshots with the bytes of the images to be shown.
pub(super) type Snapshot = snapshot::Snapshot<Array4<u8>>;

/// A snapshot of the state, if the picture needs it.
pub(super) fn snapshot(infer_type: InferType, state: &ChainState, last: bool) -> Result<Option<Snapshot>> {
    let (wanted, most) = match infer_type {
        InferType::Gif => (is_image_frame(state.step, state.steps), IN_ANIMATION),
        _ => (false, IN_GRID),
    };
    if !(wanted || last) {
        return Ok(None);
    }
    let shown = |images| first_pixels(images, most);
    Ok(Some(Snapshot { t: state.t, x_t: shown(&state.x_t)?, predicted_x0: shown(&state.predicted_x0)? }))
}

pub(super) fn grid(mut snapshots: Vec<Snapshot>, samples: i64, title: &str) -> Result<Option<Picture>> {
    let Some(last) = snapshots.pop() else { return Ok(None) };
    let shown = if samples > IN_GRID {
        format!("the first {IN_GRID} of {samples} samples")
    } else {
        format!("{samples} sample{}", if samples == 1 { "" } else { "s" })
    };
    Ok(Some(ImageGrid::new(last.x_t).titled(heading(title, shown + &stopped(last.t))).picture()?))
}

/// The title is only in the alternative text: there is no room for it above so few small images.
pub(super) fn animation(snapshots: Vec<Snapshot>, title: &str) -> Result<Option<Picture>> {
    if snapshots.is_empty() {
        return Ok(None);
    }
    let frame = |snapshot: Snapshot| {
        let panel = |title: String, images| ImagePanel { title, images };
        vec![
            panel(format!("x_t, t = {}", shown_time(snapshot.t)), snapshot.x_t),
            panel("predicted x_0".to_owned(), snapshot.predicted_x0),
        ]
    };
    let frames = snapshots.into_iter().map(frame).collect();
    let mut picture = ImageAnimation { frames, ..Default::default() }.picture()?;
    picture.alt = heading(title, picture.alt);
    Ok(Some(picture))
}
