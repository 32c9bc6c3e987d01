//! What every image is made into.

use serde::{Deserialize, Serialize};

/// What every image is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageFormat {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 3 for RGB, 1 for grey.
    pub channels: usize,
    /// What becomes of images of another aspect ratio.
    pub fit: Fit,
}

impl ImageFormat {
    /// The bytes of one image.
    pub fn bytes(&self) -> usize {
        self.channels * self.height * self.width
    }
}

/// What becomes of an image of another aspect ratio than the one that is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// What is too much is cut off at both sides.
    #[default]
    Crop,
    /// It is squeezed.
    Squash,
}
