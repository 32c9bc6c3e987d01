//! Which times a sampler should visit if it takes only a few steps: found by dynamic programming from the errors of the
//! denoiser, built step by step from a bound, or learned by gradient from the quality of the samples. All return times for
//! [`Knots`](crate::samplers::Knots).

mod best_path;
mod bilateral;
mod bound;
mod learned;

pub use best_path::{BestPath, best_path};
pub use bilateral::bilateral_times;
pub use bound::{denoising_errors, diffusion_loss};
pub use learned::{LearnedTimes, TimesFound};
