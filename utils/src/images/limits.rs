//! Limits for the size of a file and of a picture.

/// The most pixels that are decoded: more than any camera produces, and at most 0.8 GB for a decoder.
pub(super) const MAX_PIXELS: u64 = 100_000_000;
/// The longest file that is read.
pub(super) const MAX_FILE: u64 = 500_000_000;
