//! Output: results on stdout, everything else on stderr. A closed pipe is no error. A full disk is one for results, but
//! not for remarks.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use ddpm_tutor::prelude::Device;
use ddpm_tutor::{Error, Result};

/// Prints a line of the result.
pub fn say(line: impl Display) -> Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if is_gone(&error) => Ok(()),
        written => written.map_err(|source| Error::Io { action: "write to", path: "stdout".into(), source }),
    }
}

/// Prints a line about the progress of the command; a failure to print it is ignored.
pub fn say_if_possible(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints a remark to stderr: something was skipped or shortened, or may surprise.
pub fn note(remark: impl Display) {
    to_stderr(format!("ddpm: {remark}\n"));
}

/// Prints text to stderr as it is.
pub fn to_stderr(text: impl Display) {
    let _ = write!(io::stderr(), "{text}");
}

/// `1 epoch`, `2 epochs`.
pub fn count(n: impl TryInto<u64>, noun: &str) -> String {
    let n: u64 = n.try_into().unwrap_or_default();
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A device in words.
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cpu => "the CPU".to_owned(),
        Device::Cuda(n) => format!("CUDA device {n}"),
        Device::Mps => "Metal".to_owned(),
        Device::Vulkan => "Vulkan".to_owned(),
    }
}

/// Whether nobody reads stdout any more: a pipe without a reader, or a closed terminal.
fn is_gone(error: &io::Error) -> bool {
    /// "Input/output error": the answer of a closed terminal.
    const EIO: i32 = 5;
    error.kind() == ErrorKind::BrokenPipe || (error.raw_os_error() == Some(EIO) && is_device())
}

#[cfg(unix)]
fn is_device() -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;
    let stdout = io::stdout().as_fd().try_clone_to_owned().map(std::fs::File::from);
    stdout.and_then(|file| file.metadata()).is_ok_and(|metadata| metadata.file_type().is_char_device())
}

#[cfg(not(unix))]
fn is_device() -> bool {
    false
}
