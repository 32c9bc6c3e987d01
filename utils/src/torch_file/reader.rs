//! Reads the bytes of a pickle, and the operands of its instructions: numbers, texts, names.

use super::error::TorchFileError;

/// Reads a pickle from its beginning.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    pub at: usize,
}

/// The longest text. The name of a parameter has a few dozen letters.
const MAX_TEXT: usize = 1 << 16;

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn damaged(&self, problem: impl Into<String>) -> TorchFileError {
        TorchFileError::Pickle { at: self.at, problem: problem.into() }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], TorchFileError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or_else(|| {
            self.damaged(format!("it ends {} bytes too early, or claims to be longer than it is", length - rest.len()))
        })?;
        self.at += length;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], TorchFileError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub fn byte(&mut self) -> Result<u8, TorchFileError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn four(&mut self) -> Result<u32, TorchFileError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// An integer. None if it has more than eight bytes, which occurs in the state of a random generator, but not in a size or count.
    pub fn long(&mut self) -> Result<Option<i64>, TorchFileError> {
        let length = usize::from(self.byte()?);
        let bytes = self.take(length)?;
        if length > 8 {
            return Ok(None);
        }
        let fill = if bytes.last().is_some_and(|top| top & 0x80 != 0) { 0xff } else { 0 };
        let mut array = [fill; 8];
        array[..length].copy_from_slice(bytes);
        Ok(Some(i64::from_le_bytes(array)))
    }

    pub fn text(&mut self, length: usize) -> Result<&'a str, TorchFileError> {
        if length > MAX_TEXT {
            return Err(self.damaged(format!("a text of {length} bytes; at most {MAX_TEXT} are accepted")));
        }
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged("a text that is not UTF-8"))
    }

    pub fn line(&mut self) -> Result<&'a str, TorchFileError> {
        const LONGEST: usize = 256;
        let rest = &self.bytes[self.at..];
        let end = rest.iter().take(LONGEST).position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| self.damaged(format!("a name without an end within {LONGEST} bytes")))?;
        let line = self.text(end)?;
        self.at += 1;
        Ok(line)
    }
}
