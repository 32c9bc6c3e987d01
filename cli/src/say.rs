//! What a command says: results on stdout, all else on stderr. A reader that has gone away is no fault; a disk that is full is one
//! where the result should have gone, and none where only a remark should have.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use ddpm_tutor::{Error, Result};

/// A line of the result.
pub fn say(line: impl Display) -> Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if is_gone(&error) => Ok(()),
        written => written.map_err(|source| Error::Io { action: "write to", path: "stdout".into(), source }),
    }
}

/// A line on the way to the result.
pub fn say_if_possible(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// A remark: what was passed over, shortened or may surprise.
pub fn note(remark: impl Display) {
    to_stderr(format!("ddpm: {remark}\n"));
}

/// Text on stderr, as it is.
pub fn to_stderr(text: impl Display) {
    let _ = write!(io::stderr(), "{text}");
}

/// Nobody reads it any more: a pipe without a reader, or a terminal that was closed.
fn is_gone(error: &io::Error) -> bool {
    /// "Input/output error": what a terminal answers that was closed.
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
