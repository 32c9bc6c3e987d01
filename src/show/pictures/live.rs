//! The samples while they form: `x_t` in an output of the cell that changes.

use std::thread::sleep;
use std::time::{Duration, Instant};

use ddpm_utils::display::{LiveDisplay, Picture, Redraws};
use ddpm_utils::image_grids::ImageGrid;
use ddpm_utils::plots::ScatterPlot;

use crate::error::Result;
use crate::pixels::first_pixels;
use crate::points::{PROCESS_LIMITS, axis_labels, to_points};
use crate::samplers::ChainState;

/// Pictures a second, and images in one, at the most.
const PER_SECOND: f64 = 4.0;
const IN_GRID: i64 = 16;

/// A chain of so few steps is over before the eye has seen it: every state is shown, for as long as a frame of a film.
const FEW_STEPS: usize = 60;
const FRAME: Duration = Duration::from_millis(85);

/// Where `x_t` is seen to change. Of a long chain drawing takes a few percent of the time; a short one is slowed down.
#[derive(Debug)]
pub(crate) struct LiveView {
    display: LiveDisplay,
    redraws: Redraws,
    /// When the next state of a short chain is due.
    film: Option<Instant>,
}

impl LiveView {
    /// The view of a chain that starts at t = `timesteps`. None where nothing can be shown that changes.
    pub fn open(timesteps: usize) -> Option<Self> {
        let film = (timesteps <= FEW_STEPS).then(Instant::now);
        Some(Self { display: LiveDisplay::open()?, redraws: Redraws::per_second(PER_SECOND), film })
    }

    /// Whether no state is left out.
    pub fn shows_every_state(&self) -> bool {
        self.film.is_some()
    }

    /// Shows the state, where it is time to.
    ///
    /// # Errors
    /// Those of drawing.
    pub fn show(&mut self, state: &ChainState) -> Result<()> {
        let Self { display, redraws, film } = self;
        if let Some(due) = film {
            let picture = drawn(state)?;
            sleep(due.saturating_duration_since(Instant::now()));
            display.show_picture(&picture);
            *due = Instant::now() + FRAME;
        } else if redraws.due() {
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
    let title = format!("x_t, t = {}", state.time());
    Ok(match state.x_t.dim() {
        4 => ImageGrid::new(first_pixels(&state.x_t, IN_GRID)?).titled(title).picture()?,
        _ => {
            let points = to_points(&state.x_t)?;
            // As the picture of all has them, which takes its place.
            let (x_label, y_label) = axis_labels();
            ScatterPlot { title, points, limits: PROCESS_LIMITS, x_label, y_label, ..Default::default() }.picture()?
        }
    })
}
