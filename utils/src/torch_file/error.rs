//! Why a `torch.save` file was not read.

use std::io;

/// Why a `torch.save` file was not read. The caller adds the file's name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchFileError {
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
    /// The file is not a zip archive.
    #[error("this is no file of torch.save, but {0}")]
    NotTorch(String),
    /// The file has the format from before PyTorch 1.6.
    #[error(
        "this file has the format of PyTorch before 1.6. Load it in Python and save it again: torch.save without \
         _use_new_zipfile_serialization=False, or safetensors.torch.save_file"
    )]
    Legacy,
    /// The zip archive is damaged, or was not written by `torch.save`.
    #[error("the zip archive is damaged or not from torch.save: {0}")]
    Archive(String),
    /// The numbers are big-endian.
    #[error("its numbers are big-endian; save it again on a little-endian machine (x86-64, ARM)")]
    BigEndian,
    /// The pickle names something other than a part of a tensor. Python would have executed or created it.
    #[error(
        "this file asks to run {0}; a checkpoint has no need to. If the file is your own, load it in Python and save \
         model.state_dict() alone, which holds the weights without the code"
    )]
    Global(String),
    /// A program saved by `torch.jit.save`.
    #[error(
        "this is a TorchScript program (torch.jit.save), not a file of weights. In Python: \
         torch.save(torch.jit.load(FILE).state_dict(), \"weights.pt\")"
    )]
    Script,
    /// A zip archive with other content.
    #[error("this is no file of torch.save, but a zip archive of {0}")]
    OtherZip(String),
    /// The pickle has an instruction that `torch.save` does not write.
    #[error(
        "byte {at} of its pickle is the instruction {code:#04x}, which torch.save does not write with its default settings. Load \
         it in Python, and save model.state_dict() with torch.save"
    )]
    Opcode {
        /// Its number; for its name, see Python's `pickletools`.
        code: u8,
        /// Its offset.
        at: usize,
    },
    /// The pickle is truncated or invalid.
    #[error("its pickle is damaged at byte {at}: {problem}")]
    Pickle {
        /// The offset.
        at: usize,
        /// What is invalid there.
        problem: String,
    },
    /// A quantity that is larger than in any checkpoint of this kind.
    #[error("{what}: at most {limit} is accepted, got {got}")]
    Limit {
        /// Which quantity.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// What the file has or requests.
        got: u64,
    },
    /// A tensor that does not fit into its storage.
    #[error("tensor {name:?}: {problem}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What does not fit.
        problem: String,
    },
    /// The file contains something other than a state dict.
    #[error("expected a state dict (names and tensors), alone or under a key such as \"model\"; got {0}")]
    NoStateDict(String),
}

pub(super) fn within(what: &'static str, limit: u64, got: u64) -> Result<(), TorchFileError> {
    if got <= limit { Ok(()) } else { Err(TorchFileError::Limit { what, limit, got }) }
}
