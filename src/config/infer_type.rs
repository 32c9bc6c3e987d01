//! What is made of samples.

use serde::{Deserialize, Serialize};

/// What is made of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InferType {
    /// Images: a grid of them (PNG), the first 64 at the most.
    Image,
    /// The denoising, as a film: `x_t` beside the `x_0` that the network predicts from it (GIF); of images the first 16.
    Gif,
    /// Points: a scatter plot, coloured by angle (PNG).
    Plot,
    /// Points: the denoising as a strip of panels (PNG).
    PlotProcess,
    /// Nothing: the samples alone.
    None,
}
