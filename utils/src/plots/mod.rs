//! Plots in one style: points and vector fields as PNGs at double resolution, line charts as SVGs.
//!
//! Each plot is a struct to fill in and to draw with `picture()`. All fields have defaults:
//!
//! ```
//! use ddpm_utils::plots::{Limits, ScatterPlot};
//! use ndarray::array;
//!
//! let plot = ScatterPlot {
//!     title: "Two points".into(),
//!     points: array![[0.0, 1.0], [1.0, -1.0]],
//!     limits: Limits::Square(2.0),
//!     ..Default::default()
//! };
//! let picture = plot.picture()?;
//! assert!(picture.width > 400);
//! # Ok::<(), ddpm_utils::plots::PlotError>(())
//! ```

mod axes;
mod axis;
mod canvas;
mod color;
mod curves;
mod error;
mod limits;
mod line_film;
mod lines;
mod packed_png;
pub(crate) mod panels;
mod raster;
mod raster_backend;
mod scatter;
pub(crate) mod style;
pub(crate) mod text;
mod ticks;
mod vector_field;

pub(crate) use axes::Axes;
pub use axis::AxisScale;
pub use color::{Rgb, cyclic, sequential};
pub use curves::{LineStyle, Series};
pub use error::PlotError;
pub use limits::Limits;
pub use line_film::line_film;
pub use lines::{LineChart, line_charts};
pub use panels::Panel;
pub use raster::Raster;
pub use scatter::{ScatterPanels, ScatterPlot};

pub use vector_field::VectorField;
