//! The samples while they form: `x_t` in an output of the cell that changes, some times a second.

use ddpm_utils::display::{LiveDisplay, Picture, Redraws};
use ddpm_utils::image_grids::ImageGrid;
use ddpm_utils::plots::ScatterPlot;

use crate::error::Result;
use crate::pixels::first_pixels;
use crate::points::{PROCESS_LIMITS, to_points};
use crate::sampling::ChainState;

/// Pictures a second, and images in one, at the most.
const PER_SECOND: f64 = 4.0;
const IN_GRID: i64 = 16;

/// Where `x_t` is seen to change. Drawing takes a few percent of the time.
#[derive(Debug)]
pub(crate) struct LiveView {
    display: LiveDisplay,
    redraws: Redraws,
}

impl LiveView {
    /// None where nothing can be shown that changes.
    pub fn open() -> Option<Self> {
        Some(Self { display: LiveDisplay::open()?, redraws: Redraws::per_second(PER_SECOND) })
    }

    /// Shows the state, where it is time to.
    ///
    /// # Errors
    /// Those of drawing.
    pub fn show(&mut self, state: &ChainState) -> Result<()> {
        if self.redraws.due() {
            let Self { display, redraws } = self;
            redraws.draw(|| drawn(state).map(|picture| display.show_picture(&picture)))?;
        }
        Ok(())
    }

    /// Puts the picture of all in the place of the states. Whether that could be done.
    pub fn end_with(mut self, picture: &Picture) -> bool {
        self.display.show_picture(picture)
    }
}

fn drawn(state: &ChainState) -> Result<Picture> {
    let title = format!("x_t, t = {}", state.t);
    Ok(match state.x_t.dim() {
        4 => ImageGrid::new(first_pixels(&state.x_t, IN_GRID)?).titled(title).picture()?,
        _ => {
            let points = to_points(&state.x_t)?;
            ScatterPlot { title, points, limits: PROCESS_LIMITS, ..Default::default() }.picture()?
        }
    })
}
