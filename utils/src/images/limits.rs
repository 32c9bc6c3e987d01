//! How large a file may be, and a picture.

/// The most pixels that are decoded: more than cameras take, and 0.8 GB at the most for a decoder.
pub(super) const MAX_PIXELS: u64 = 100_000_000;
/// The longest file that is read.
pub(super) const MAX_FILE: u64 = 500_000_000;
