//! Files of `torch.save`, read without Python and without executing anything in them.
//!
//! Such a file is a zip archive: a pickle, `data.pkl`, describes the tensors, and `data/0`, `data/1`, … contain their
//! numbers. A pickle is a program, and Python runs whatever it names. Here a small machine knows the few instructions
//! and names that describe tensors, and rejects all others with their names. Sizes that a file claims are compared with
//! its content and with limits before memory is allocated.

mod archive;
mod error;
mod globals;
mod pickle;
mod reader;
mod state_dict;
mod strides;
mod tensor;
mod values;

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

pub use error::TorchFileError;
pub use state_dict::StateDict;
pub use tensor::{Dtype, NamedTensor};

use crate::files::open_file;
use archive::Archive;
use tensor::MAX_BYTES;

/// A `torch.save` file whose pickle has been read, but no tensors yet.
pub struct TorchFile<R> {
    archive: Archive<R>,
    /// The state dicts in the file: dicts of names and tensors, the file's own first.
    pub state_dicts: Vec<StateDict>,
    /// The keys of the outermost dict, each with a description of its value.
    pub keys: Vec<(String, &'static str)>,
}

impl TorchFile<BufReader<File>> {
    /// Opens a file, and finds its state dicts.
    ///
    /// # Errors
    /// [`TorchFileError`] if it is not such a file, is damaged, exceeds the limits, or requires more than tensors.
    pub fn open(path: &Path) -> Result<Self, TorchFileError> {
        Self::from_reader(BufReader::new(open_file(path).map_err(TorchFileError::Io)?))
    }
}

impl<R: Read + Seek> TorchFile<R> {
    /// Like [`TorchFile::open`], for any seekable source.
    ///
    /// # Errors
    /// Those of [`TorchFile::open`].
    pub fn from_reader(mut file: R) -> Result<Self, TorchFileError> {
        let length = file.seek(SeekFrom::End(0)).map_err(TorchFileError::Io)?;
        error::within("size of the file", MAX_BYTES, length)?;
        archive::check_kind(&mut file)?;
        let mut archive = Archive::open(file)?;
        let (values, root) = pickle::run(&archive.pickle()?)?;
        let state_dicts = state_dict::find(&values, root)?;
        Ok(Self { archive, state_dicts, keys: state_dict::keys(&values, root) })
    }

    /// Reads the tensors of a state dict whose names `wanted` accepts.
    ///
    /// # Errors
    /// [`TorchFileError`] if a tensor is incomplete, or if the limits are exceeded.
    pub fn load(
        &mut self,
        state_dict: &StateDict,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<NamedTensor>, TorchFileError> {
        state_dict::load(
            &mut self.archive,
            state_dict.tensors.iter().filter(|(name, _)| wanted(name)).cloned().collect(),
        )
    }
}

#[cfg(test)]
mod tests;
