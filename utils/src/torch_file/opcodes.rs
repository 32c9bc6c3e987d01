//! The instructions of a pickle, as `torch.save` writes them (protocol 2), and the bytes that belong to them.

use super::error::TorchFileError;

/// An instruction that the machine knows.
#[derive(Debug, PartialEq)]
pub(super) enum Opcode<'a> {
    Proto(u8),
    Stop,
    Mark,
    None,
    Bool,
    Int(i64),
    /// A number that no size or count is.
    Float,
    Text(&'a str),
    EmptyTuple,
    /// Of the topmost 1, 2 or 3 values.
    Tuple(usize),
    /// Of all values above the mark.
    TupleFromMark,
    EmptyList,
    Append,
    Appends,
    EmptyDict,
    SetItem,
    SetItems,
    Put(u32),
    Get(u32),
    Global {
        module: &'a str,
        name: &'a str,
    },
    Reduce,
    /// An object of a class, from arguments.
    New,
    Build,
    PersistentId,
}

/// Reads a pickle instruction by instruction.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    pub at: usize,
}

/// The longest text: a parameter's name has some dozen letters.
const MAX_TEXT: usize = 1 << 16;

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn next(&mut self) -> Result<Opcode<'a>, TorchFileError> {
        let at = self.at;
        Ok(match self.array::<1>()?[0] {
            0x80 => Opcode::Proto(self.array::<1>()?[0]),
            b'.' => Opcode::Stop,
            b'(' => Opcode::Mark,
            b'N' => Opcode::None,
            0x88 | 0x89 => Opcode::Bool,
            b'J' => Opcode::Int(i32::from_le_bytes(self.array()?).into()),
            b'K' => Opcode::Int(self.array::<1>()?[0].into()),
            b'M' => Opcode::Int(u16::from_le_bytes(self.array()?).into()),
            0x8a => self.long()?.map_or(Opcode::Float, Opcode::Int),
            b'G' => {
                self.array::<8>()?;
                Opcode::Float
            }
            b'X' => {
                let length = u32::from_le_bytes(self.array()?) as usize;
                Opcode::Text(self.text(length)?)
            }
            b')' => Opcode::EmptyTuple,
            0x85 => Opcode::Tuple(1),
            0x86 => Opcode::Tuple(2),
            0x87 => Opcode::Tuple(3),
            b't' => Opcode::TupleFromMark,
            b']' => Opcode::EmptyList,
            b'a' => Opcode::Append,
            b'e' => Opcode::Appends,
            b'}' => Opcode::EmptyDict,
            b's' => Opcode::SetItem,
            b'u' => Opcode::SetItems,
            b'q' => Opcode::Put(self.array::<1>()?[0].into()),
            b'r' => Opcode::Put(u32::from_le_bytes(self.array()?)),
            b'h' => Opcode::Get(self.array::<1>()?[0].into()),
            b'j' => Opcode::Get(u32::from_le_bytes(self.array()?)),
            b'c' => Opcode::Global { module: self.line()?, name: self.line()? },
            b'R' => Opcode::Reduce,
            0x81 => Opcode::New,
            b'b' => Opcode::Build,
            b'Q' => Opcode::PersistentId,
            other => return Err(TorchFileError::Opcode { name: name_of(other), at }),
        })
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

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TorchFileError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// An integer; none where it has more than eight bytes, as the state of a random generator and no size or count.
    fn long(&mut self) -> Result<Option<i64>, TorchFileError> {
        let length = usize::from(self.array::<1>()?[0]);
        let bytes = self.take(length)?;
        if length > 8 {
            return Ok(None);
        }
        let fill = if bytes.last().is_some_and(|top| top & 0x80 != 0) { 0xff } else { 0 };
        let mut array = [fill; 8];
        array[..length].copy_from_slice(bytes);
        Ok(Some(i64::from_le_bytes(array)))
    }

    fn text(&mut self, length: usize) -> Result<&'a str, TorchFileError> {
        if length > MAX_TEXT {
            return Err(self.damaged(format!("a text of {length} bytes; at most {MAX_TEXT} are accepted")));
        }
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged("a text that is not UTF-8"))
    }

    fn line(&mut self) -> Result<&'a str, TorchFileError> {
        const LONGEST: usize = 256;
        let rest = &self.bytes[self.at..];
        let end = rest.iter().take(LONGEST).position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| self.damaged(format!("a name without an end within {LONGEST} bytes")))?;
        let line = self.text(end)?;
        self.at += 1;
        Ok(line)
    }
}

/// What Python's `pickletools` calls an instruction that is refused.
fn name_of(code: u8) -> String {
    let name = match code {
        b'i' => "INST",
        b'o' => "OBJ",
        b'P' => "PERSID",
        b'I' => "INT",
        b'L' => "LONG",
        b'F' => "FLOAT",
        b'S' => "STRING",
        b'T' => "BINSTRING",
        b'U' => "SHORT_BINSTRING",
        b'V' => "UNICODE",
        b'B' => "BINBYTES",
        b'C' => "SHORT_BINBYTES",
        b'0' => "POP",
        b'1' => "POP_MARK",
        b'2' => "DUP",
        b'd' => "DICT",
        b'l' => "LIST",
        b'g' => "GET",
        b'p' => "PUT",
        0x82..=0x84 => "EXT",
        0x8b => "LONG4",
        0x8c => "SHORT_BINUNICODE",
        0x8d => "BINUNICODE8",
        0x8e => "BINBYTES8",
        0x8f => "EMPTY_SET",
        0x90 => "ADDITEMS",
        0x91 => "FROZENSET",
        0x92 => "NEWOBJ_EX",
        0x93 => "STACK_GLOBAL",
        0x94 => "MEMOIZE",
        0x95 => "FRAME",
        0x96 => "BYTEARRAY8",
        0x97 | 0x98 => "NEXT_BUFFER",
        _ => return format!("{code:#04x}"),
    };
    name.to_owned()
}
