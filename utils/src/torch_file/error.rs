//! Why a file of `torch.save` was not read.

use std::io;

/// Why a file of `torch.save` was not read. The file's name is the caller's to add.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchFileError {
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
    /// The file is not a zip archive.
    #[error("this is no file of torch.save, but {0}")]
    NotTorch(String),
    /// The file has the format of PyTorch before 1.6.
    #[error(
        "this file has the format of PyTorch before 1.6. Load it in Python and save it again: torch.save without \
         _use_new_zipfile_serialization=False, or safetensors.torch.save_file"
    )]
    Legacy,
    /// The zip archive is damaged, or not one that `torch.save` writes.
    #[error("the zip archive is damaged or not from torch.save: {0}")]
    Archive(String),
    /// The numbers are big-endian.
    #[error("its numbers are big-endian; save it again on a little-endian machine (x86-64, ARM)")]
    BigEndian,
    /// The pickle names something else than a tensor's parts. Python would have run or made it.
    #[error(
        "this file asks to run {0}; a checkpoint has no need to. If the file is your own, load it in Python and save \
         model.state_dict() alone, which holds the weights without the code"
    )]
    Global(String),
    /// A program of `torch.jit.save`.
    #[error(
        "this is a TorchScript program (torch.jit.save), not a file of weights. In Python: \
         torch.save(torch.jit.load(FILE).state_dict(), \"weights.pt\")"
    )]
    Script,
    /// A zip archive of something else.
    #[error("this is no file of torch.save, but a zip archive of {0}")]
    OtherZip(String),
    /// The pickle has an instruction that `torch.save` does not write.
    #[error(
        "byte {at} of its pickle is the instruction {code:#04x}, which torch.save does not write with its default settings. Load \
         it in Python, and save model.state_dict() with torch.save"
    )]
    Opcode {
        /// Its number; Python's `pickletools` has its name.
        code: u8,
        /// Where it stands.
        at: usize,
    },
    /// The pickle is cut short or makes no sense.
    #[error("its pickle is damaged at byte {at}: {problem}")]
    Pickle {
        /// Where.
        at: usize,
        /// What is wrong there.
        problem: String,
    },
    /// More of something than any checkpoint of this kind has.
    #[error("{what}: at most {limit} is accepted, got {got}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// The most that is accepted.
        limit: u64,
        /// What the file has or asks for.
        got: u64,
    },
    /// A tensor that its storage cannot hold.
    #[error("tensor {name:?}: {problem}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What does not fit.
        problem: String,
    },
    /// The file holds something else than a state dict.
    #[error("expected a state dict (names and tensors), alone or under a key such as \"model\"; got {0}")]
    NoStateDict(String),
}

pub(super) fn within(what: &'static str, limit: u64, got: u64) -> Result<(), TorchFileError> {
    if got <= limit { Ok(()) } else { Err(TorchFileError::Limit { what, limit, got }) }
}
