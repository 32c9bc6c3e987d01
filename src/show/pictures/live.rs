//! Shows samples while they form: `x_t`, in an output of the cell that is updated.

use std::thread::sleep;
use std::time::{Duration, Instant};

use ddpm_utils::display::{LiveDisplay, Picture, Redraws};
use ddpm_utils::image_grids::ImageGrid;
use ddpm_utils::plots::ScatterPlot;

use crate::error::Result;
use crate::pixels::first_pixels;
use crate::points::{PROCESS_LIMITS, axis_labels, to_points};
use crate::samplers::ChainState;

/// The most pictures per second, and images in a picture.
const PER_SECOND: f64 = 4.0;
const IN_GRID: i64 = 16;

/// A chain with so few steps would be over too soon to be seen: every state is shown for as long as a frame of an
/// animation.
const FEW_STEPS: usize = 60;
const FRAME: Duration = Duration::from_millis(85);

/// A live view of `x_t`. For a long chain, drawing takes a few percent of the time; a short one is slowed down.
#[derive(Debug)]
pub(crate) struct LiveView {
    display: LiveDisplay,
    redraws: Redraws,
    /// When the next state of a short chain is due.
    due: Option<Instant>,
}

impl LiveView {
    /// The view of a chain with `timesteps` steps; `None` if outputs cannot be updated.
    pub fn open(timesteps: usize) -> Option<Self> {
        let due = (timesteps <= FEW_STEPS).then(Instant::now);
        Some(Self { display: LiveDisplay::open()?, redraws: Redraws::per_second(PER_SECOND), due })
    }

    /// Whether every state is shown.
    pub fn shows_every_state(&self) -> bool {
        self.due.is_some()
    }

    /// Shows the state, if it is due.
    ///
    /// # Errors
    /// Those of drawing.
    pub fn show(&mut self, state: &ChainState) -> Result<()> {
        let Self { display, redraws, due } = self;
        if let Some(due) = due {
            let picture = draw(state)?;
            sleep(due.saturating_duration_since(Instant::now()));
            display.show_picture(&picture);
            *due = Instant::now() + FRAME;
        } else if redraws.due() {
            redraws.draw(|| draw(state).map(|picture| display.show_picture(&picture)))?;
        }
        Ok(())
    }

    /// Replaces the view by the final picture. Returns whether that was possible.
    pub fn end_with(mut self, picture: &Picture) -> bool {
        self.display.show_picture(picture)
    }
}

fn draw(state: &ChainState) -> Result<Picture> {
    let title = format!("x_t, t = {}", state.time());
    Ok(match state.x_t.dim() {
        4 => ImageGrid::new(first_pixels(&state.x_t, IN_GRID)?).titled(title).picture()?,
        _ => {
            let points = to_points(&state.x_t)?;
            // Like the final picture, which replaces this one.
            let (x_label, y_label) = axis_labels();
            ScatterPlot { title, points, limits: PROCESS_LIMITS, x_label, y_label, ..Default::default() }.picture()?
        }
    })
}
