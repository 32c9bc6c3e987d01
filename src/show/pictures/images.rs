//! Pictures of images: a grid of them, and the film of how they formed.

use ddpm_utils::display::Picture;
use ddpm_utils::image_grids::{ImageAnimation, ImageGrid, ImagePanel};
use ndarray::Array4;

use super::moment::{self, heading};
use super::moments::{is_image_frame, stopped};
use crate::config::InferType;
use crate::error::Result;
use crate::pixels::first_pixels;
use crate::samplers::{ChainState, shown_time};

/// Images in a grid and in a film, at the most.
const IN_GRID: i64 = 64;
const IN_FILM: i64 = 16;

/// Bytes of the images that will be shown.
pub(super) type Moment = moment::Moment<Array4<u8>>;

/// The state, where the picture needs it.
pub(super) fn moment(infer_type: InferType, state: &ChainState, last: bool) -> Result<Option<Moment>> {
    let (wanted, most) = match infer_type {
        InferType::Gif => (is_image_frame(state.step, state.steps), IN_FILM),
        _ => (false, IN_GRID),
    };
    if !(wanted || last) {
        return Ok(None);
    }
    let shown = |images| first_pixels(images, most);
    Ok(Some(Moment { t: state.t, x_t: shown(&state.x_t)?, predicted_x0: shown(&state.predicted_x0)? }))
}

pub(super) fn grid(mut moments: Vec<Moment>, samples: i64, title: &str) -> Result<Option<Picture>> {
    let Some(last) = moments.pop() else { return Ok(None) };
    let shown = if samples > IN_GRID {
        format!("the first {IN_GRID} of {samples} samples")
    } else {
        format!("{samples} sample{}", if samples == 1 { "" } else { "s" })
    };
    Ok(Some(ImageGrid::new(last.x_t).titled(heading(title, shown + &stopped(last.t))).picture()?))
}

/// The title is told to those who cannot see the film: above so few small images there is no room for it.
pub(super) fn film(moments: Vec<Moment>, title: &str) -> Result<Option<Picture>> {
    if moments.is_empty() {
        return Ok(None);
    }
    let frame = |moment: Moment| {
        let panel = |title: String, images| ImagePanel { title, images };
        vec![
            panel(format!("x_t, t = {}", shown_time(moment.t)), moment.x_t),
            panel("predicted x_0".to_owned(), moment.predicted_x0),
        ]
    };
    let frames = moments.into_iter().map(frame).collect();
    let mut picture = ImageAnimation { frames, ..Default::default() }.picture()?;
    picture.alt = heading(title, picture.alt);
    Ok(Some(picture))
}
