//! Showing samples and trainings: loggers, pictures of chains, progress bars.

mod log;
mod logger;
mod pictures;
mod progress;

pub(crate) use log::{SAMPLES_FILE, read_images};
pub use logger::InferenceLogger;
pub(crate) use logger::StopRequest;
pub use progress::{show_progress, show_progress_and_curve};
