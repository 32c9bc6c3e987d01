//! `InferType`: how samples are shown.

use serde::{Deserialize, Serialize};

/// How samples are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InferType {
    /// Images: a grid of the first 64 (PNG).
    Image,
    /// An animation of the denoising: `x_t` next to the predicted `x_0` (GIF); for images, of the first 16.
    Gif,
    /// Points: a scatter plot, coloured by angle (PNG).
    Plot,
    /// Points: the denoising as a strip of panels (PNG).
    PlotProcess,
    /// No picture, only the samples.
    None,
}
