//! Files of `torch.save`, read without Python and without running anything that stands in them.
//!
//! Such a file is a zip archive: `data.pkl`, a pickle, says which tensors there are, and `data/0`, `data/1`, … hold their
//! numbers. A pickle is a program, and Python runs whatever it names. Here a small machine knows the few instructions and
//! names that describe tensors; everything else is refused by its name. What a file claims about sizes is checked against
//! what it holds and against limits, before memory is taken.

mod archive;
mod dtype;
mod error;
mod globals;
mod opcodes;
mod pickle;
mod state_dict;
mod strides;
mod values;

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

pub use dtype::Dtype;
pub use error::TorchFileError;

use archive::Archive;

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
const MAX_BYTES: u64 = 4 << 30;

/// Reads the state dict of a file that `torch.save` wrote: a dict of tensors, or the one under the key `model` of a dict
/// of several. Other parts, such as an optimizer's state, are not loaded.
///
/// # Errors
/// [`TorchFileError`] for what is no such file, is damaged, beyond the limits, or asks for more than tensors.
pub fn read_state_dict(path: &Path) -> Result<Vec<NamedTensor>, TorchFileError> {
    let file = File::open(path).map_err(TorchFileError::Io)?;
    read_state_dict_from(BufReader::new(file))
}

/// As [`read_state_dict`], from anything that can be read at any place.
///
/// # Errors
/// As [`read_state_dict`].
pub fn read_state_dict_from(mut file: impl Read + Seek) -> Result<Vec<NamedTensor>, TorchFileError> {
    let length = file.seek(SeekFrom::End(0)).map_err(TorchFileError::Io)?;
    error::within("size of the file", MAX_BYTES, length)?;
    archive::check_kind(&mut file)?;
    let mut archive = Archive::open(file)?;
    let (values, root) = pickle::run(&archive.pickle()?)?;
    let tensors = state_dict::find(&values, root)?;
    state_dict::load(&mut archive, tensors)
}

#[cfg(test)]
mod tests;
