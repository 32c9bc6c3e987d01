//! Files of `torch.save`, read without Python and without running anything that stands in them.
//!
//! Such a file is a zip archive: `data.pkl`, a pickle, says which tensors there are, and `data/0`, `data/1`, … hold their
//! numbers. A pickle is a program, and Python runs whatever it names. Here a small machine knows the few instructions and
//! names that describe tensors; everything else is refused by its name. What a file claims about sizes is checked against
//! what it holds and against limits, before memory is taken.

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

/// A file of `torch.save`: what its pickle says is known, no tensor has been read.
pub struct TorchFile<R> {
    archive: Archive<R>,
    /// The state dicts that it holds: dicts of names and tensors, the file's own first.
    pub state_dicts: Vec<StateDict>,
    /// The keys of the outermost dict, with what is under each.
    pub keys: Vec<(String, &'static str)>,
}

impl TorchFile<BufReader<File>> {
    /// Opens a file, and finds the state dicts in it.
    ///
    /// # Errors
    /// [`TorchFileError`] for what is no such file, is damaged, beyond the limits, or asks for more than tensors.
    pub fn open(path: &Path) -> Result<Self, TorchFileError> {
        Self::from_reader(BufReader::new(open_file(path).map_err(TorchFileError::Io)?))
    }
}

impl<R: Read + Seek> TorchFile<R> {
    /// As [`TorchFile::open`], from anything that can be read at any place.
    ///
    /// # Errors
    /// As [`TorchFile::open`].
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
    /// [`TorchFileError`] for a tensor that is not there as a whole, and beyond the limits.
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
