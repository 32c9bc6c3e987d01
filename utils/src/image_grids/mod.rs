//! Pictures of images: grids, and films of grids.
//!
//! Small images are enlarged pixel by pixel, so that each pixel is visible; large ones are averaged down.

mod animation;
mod block;
mod grid;

pub use animation::{ImageAnimation, ImagePanel};
pub use grid::ImageGrid;
