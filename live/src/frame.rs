//! A message on the socket: its length as four bytes, then JSON.

use std::io::{Error, ErrorKind, Read, Result, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest message in bytes. A larger picture belongs in a file.
pub const LARGEST: usize = 8 << 20;

/// Writes one message.
///
/// # Errors
/// `InvalidInput` if the message is larger than [`LARGEST`], and errors of the stream.
pub fn write<T: Serialize>(stream: &mut impl Write, message: &T) -> Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = bytes.len() - 4;
    if length > LARGEST {
        let text = format!("{length} bytes are to be shown at once; {LARGEST} are the most");
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    stream.write_all(&bytes)?;
    stream.flush()
}

/// Reads one message. None if the stream has ended.
///
/// # Errors
/// `InvalidData` if the message claims to be larger than [`LARGEST`] or is invalid, and errors of the stream.
pub fn read<T: DeserializeOwned>(stream: &mut impl Read) -> Result<Option<T>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > LARGEST {
        let text = format!("a message of {length} bytes; {LARGEST} are the most");
        return Err(Error::new(ErrorKind::InvalidData, text));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    serde_json::from_slice(&bytes).map(Some).map_err(Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Answer;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        let answers = [Answer::Done, Answer::Marked { id: "ä".into() }];
        answers.iter().for_each(|answer| write(&mut bytes, answer).unwrap());
        let mut stream = &bytes[..];
        for answer in answers {
            assert_eq!(read(&mut stream).unwrap(), Some(answer));
        }
        assert_eq!(read::<Answer>(&mut stream).unwrap(), None);
    }

    #[test]
    fn a_size_that_is_only_claimed_takes_no_memory() {
        let error = read::<Answer>(&mut &[255; 8][..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(write(&mut Vec::new(), &"x".repeat(LARGEST)).is_err());
        assert!(read::<Answer>(&mut &[9, 0, 0, 0, b'{'][..]).is_err());
    }
}
