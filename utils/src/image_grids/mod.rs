//! Pictures of images: grids of them, and films of grids.
//!
//! Small images are enlarged pixel by pixel, so that each is seen as it is; large ones are averaged down.

mod animation;
mod block;
mod grid;

pub use animation::{ImageAnimation, ImagePanel};
pub use grid::ImageGrid;
