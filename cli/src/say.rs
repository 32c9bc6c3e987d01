//! What a command says on stdout. A reader that has gone away is no fault; a disk that is full is.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use ddpm_tutor::{Error, Result};

pub fn say(line: impl Display) -> Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|source| Error::Io { action: "write to", path: "stdout".into(), source }),
    }
}
