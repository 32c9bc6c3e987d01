//! SHA-256 of files.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};

use sha2::{Digest, Sha256};

/// The SHA-256 of a whole file, in hexadecimal.
///
/// # Errors
/// Those of reading.
pub fn sha256(file: &mut File) -> io::Result<String> {
    file.rewind()?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut hash = Sha256::new();
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(bytes);
        let length = bytes.len();
        reader.consume(length);
    }
}
