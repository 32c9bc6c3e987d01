//! The format into which every image is converted.

use serde::{Deserialize, Serialize};

/// The format into which every image is converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageFormat {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 3 for RGB, 1 for grey.
    pub channels: usize,
    /// What happens to images with another aspect ratio.
    pub fit: Fit,
}

impl ImageFormat {
    /// The number of bytes per image.
    pub fn bytes(&self) -> usize {
        self.channels * self.height * self.width
    }
}

/// What happens to an image with another aspect ratio than requested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Both sides are cropped equally.
    #[default]
    Crop,
    /// It is stretched.
    Squash,
}
