//! What learners need not read: plots, GIFs, notebook display, progress, atomic files.
//!
//! | room | what is inside |
//! |---|---|
//! | [`plots`] | scatter plots, panels of them, vector fields and line charts, all in one style |
//! | [`animation`] | moving points, as GIFs |
//! | [`image_grids`] | grids of images, and films of grids |
//! | [`text_film`] | text that changes, as an animated SVG |
//! | [`gif`] | GIF files of any images of one size |
//! | [`display`] | pictures and HTML in the output of a notebook cell, or in a file |
//! | [`interrupted`], [`Interruptible`] | whether the user wants a loop to end |
//! | [`highlight`] | Rust source as coloured HTML |
//! | [`images`] | image files of all kinds at one size, and folders of them |
//! | [`progress`](mod@progress) | the progress of a long computation, in a terminal, a notebook or a log |
//! | [`live_plot`](mod@live_plot) | line charts that grow during a computation |
//! | [`memory`] | the available memory, also in a container |
//! | [`atomic`] | files that are written completely or not at all |
//! | [`files`] | files that a user names: opened, read up to a limit, and described by their content |
//! | [`similar`], [`did_you_mean`] | the most similar known name to a wrong one |
//! | [`torch_file`] | files of `torch.save`, read without executing anything in them |
//!
//! The crate knows ndarray, but neither tensors nor diffusion, and keeps no state between cells.

#![warn(missing_docs)]

pub mod animation;
pub mod atomic;
mod classify;
pub mod display;
pub mod files;
pub mod gif;
mod gif_file;
mod gif_of_photographs;
pub mod highlight;
pub mod image_grids;
pub mod images;
mod interrupt;
pub mod live_plot;
pub mod memory;
mod palette;
pub mod plots;
pub mod progress;
mod similar;
pub mod text_film;
mod throttle;
pub mod torch_file;

pub use ddpm_live::interrupted;
pub use interrupt::{Interruptible, tell_checkpoint};
pub use similar::{did_you_mean, similar};
