//! A tensor of a file, and how large all may be together.

use super::dtype::Dtype;

/// A tensor as plain numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTensor {
    /// Its name in the state dict, such as `fc1.weight`.
    pub name: String,
    /// The kind of its numbers.
    pub dtype: Dtype,
    /// Its shape; empty for a single number.
    pub shape: Vec<usize>,
    /// Its numbers, little-endian, the last dimension fastest.
    pub bytes: Vec<u8>,
}

/// The largest file that is read, and the most bytes that its tensors may have together.
pub(super) const MAX_BYTES: u64 = 4 << 30;
