//! What cannot be painted.

/// What cannot be painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a picture of {channels} channels and {height} x {width} pixels: expected 3 channels and sides of 1 to 65,535 pixels"
)]
pub struct WrongPicture {
    /// Its channels.
    pub channels: usize,
    /// Its height, in pixels.
    pub height: usize,
    /// Its width, in pixels.
    pub width: usize,
}
