//! Which times a sampler should visit if it takes only a few steps: found by dynamic programming from the errors of the
//! denoiser, or learned by gradient from the quality of the samples. Both return times for
//! [`Knots`](crate::samplers::Knots).

mod best_path;
mod bound;
mod learned;

pub use best_path::{BestPath, best_path};
pub use bound::{denoising_errors, diffusion_loss};
pub use learned::{LearnedTimes, TimesFound};
