//! The machine that runs a pickle: a stack, a memo, and no access to anything outside. It knows the instructions that
//! `torch.save` writes (protocol 2).

use std::collections::HashMap;

use super::error::{TorchFileError, within};
use super::globals::Global;
use super::reader::Reader;
use super::values::{Id, Storage, TensorView, Value, Values};

/// The limit for instructions; a thousand tensors with their optimizer's state take 60,000. It also bounds the stack,
/// the memo and the values.
const MAX_OPCODES: u64 = 2_000_000;
const MAX_DEPTH: u64 = 100_000;
const MAX_MARKS: u64 = 1_000;
/// The memo can repeat a tensor many times, so tensors are kept small.
const MAX_DIMENSIONS: usize = 8;
const MAX_KEY: usize = 32;

/// Runs a pickle to its end. Returns all values that it creates, and the id of its result.
pub(super) fn run(pickle: &[u8]) -> Result<(Values, Id), TorchFileError> {
    let mut machine = Machine {
        reader: Reader::new(pickle),
        values: Values::default(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    for count in 1.. {
        within("instructions of its pickle", MAX_OPCODES, count)?;
        match machine.reader.byte()? {
            b'.' => break,
            code => machine.step(code)?,
        }
        within("depth of its pickle's stack", MAX_DEPTH, machine.stack.len() as u64)?;
        within("nested marks of its pickle", MAX_MARKS, machine.marks.len() as u64)?;
    }
    let result = machine.pop()?;
    if machine.stack.is_empty() {
        Ok((machine.values, result))
    } else {
        Err(machine.damaged("it ends with values left"))
    }
}

struct Machine<'a> {
    reader: Reader<'a>,
    values: Values,
    stack: Vec<Id>,
    /// The heights of the stack at the marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl Machine<'_> {
    /// Executes an instruction. The comments give its name in Python's `pickletools`.
    fn step(&mut self, code: u8) -> Result<(), TorchFileError> {
        match code {
            // PROTO
            0x80 => {
                let version = self.reader.byte()?;
                if version != 2 {
                    let advice = "save it again in Python, without pickle_protocol";
                    return Err(self.damaged(format!("protocol {version}; torch.save writes 2 by default: {advice}")));
                }
            }
            // MARK, NONE, NEWTRUE and NEWFALSE
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Value::None),
            0x88 | 0x89 => self.push(Value::Bool),
            // BININT, BININT1, BININT2, LONG1; BINFLOAT
            b'J' | b'K' | b'M' | 0x8a => {
                let value = match code {
                    b'J' => Some(self.reader.four()?.cast_signed().into()),
                    b'K' => Some(self.reader.byte()?.into()),
                    b'M' => Some(u16::from_le_bytes(self.reader.array()?).into()),
                    _ => self.reader.long()?,
                };
                self.push(value.map_or(Value::Float, Value::Int));
            }
            b'G' => {
                self.reader.array::<8>()?;
                self.push(Value::Float);
            }
            // BINUNICODE
            b'X' => {
                let length = self.reader.four()? as usize;
                let text = self.reader.text(length)?.to_owned();
                self.push(Value::Text(text));
            }
            // EMPTY_TUPLE, TUPLE1 to TUPLE3, TUPLE
            b')' | 0x85..=0x87 | b't' => {
                let items = match code {
                    b')' => Vec::new(),
                    b't' => self.pop_to_mark()?,
                    _ => self.pop_many(usize::from(code - 0x84))?,
                };
                self.push(Value::Tuple(items));
            }
            // EMPTY_LIST, APPEND, APPENDS: the content of lists only matters to the optimizer.
            b']' => self.push(Value::List),
            b'a' | b'e' => {
                let _items = if code == b'a' { self.pop_many(1)? } else { self.pop_to_mark()? };
                self.expect_list()?;
            }
            // EMPTY_DICT, SETITEM, SETITEMS
            b'}' => self.push(Value::Dict(Vec::new())),
            b's' | b'u' => {
                let items = if code == b's' { self.pop_many(2)? } else { self.pop_to_mark()? };
                self.set_items(&items)?;
            }
            // BINPUT, LONG_BINPUT, BINGET, LONG_BINGET
            b'q' | b'r' => {
                let key = if code == b'q' { self.reader.byte()?.into() } else { self.reader.four()? };
                let top = self.top()?;
                self.memo.insert(key, top);
            }
            b'h' | b'j' => {
                let key = if code == b'h' { self.reader.byte()?.into() } else { self.reader.four()? };
                let id = self.memo.get(&key).ok_or_else(|| self.damaged(format!("nothing is noted under {key}")))?;
                self.stack.push(*id);
            }
            // GLOBAL
            b'c' => {
                let (module, name) = (self.reader.line()?, self.reader.line()?);
                self.push(Value::Global(Global::find(module, name)?));
            }
            // REDUCE, NEWOBJ
            b'R' | 0x81 => self.reduce()?,
            // BUILD: the attributes of an OrderedDict are module versions, on which no tensor depends.
            b'b' => {
                let (state, object) = (self.pop()?, self.top()?);
                match (self.values.get(object), self.values.get(state)) {
                    (Value::Dict(_), Value::Dict(_)) | (Value::Object(_), _) => (),
                    _ => return Err(self.damaged("it sets attributes of something else than a dict")),
                }
            }
            // BINPERSID
            b'Q' => {
                let id = self.pop()?;
                let storage =
                    self.storage(id).ok_or_else(|| self.damaged("a reference to something else than a storage"))?;
                self.push(Value::Storage(storage));
            }
            code => return Err(TorchFileError::Opcode { code, at: self.reader.at - 1 }),
        }
        Ok(())
    }

    fn reduce(&mut self) -> Result<(), TorchFileError> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let made = match (self.values.get(function), self.values.get(arguments)) {
            (Value::Global(Global::OrderedDict), Value::Tuple(items)) if items.is_empty() => {
                Some(Value::Dict(Vec::new()))
            }
            (Value::Global(Global::RebuildTensor), Value::Tuple(items)) => self.tensor(items).map(Value::Tensor),
            (Value::Global(Global::RebuildParameter), Value::Tuple(items)) => match items.first() {
                Some(data) if matches!(self.values.get(*data), Value::Tensor(_)) => {
                    self.stack.push(*data);
                    return Ok(());
                }
                _ => None,
            },
            (Value::Global(Global::Passed(what)), Value::Tuple(_)) => Some(Value::Object(what)),
            _ => None,
        };
        let made = made.ok_or_else(|| self.damaged("a call with arguments that torch.save does not write"))?;
        self.push(made);
        Ok(())
    }

    /// `('storage', torch.FloatStorage, '0', 'cpu', 288)`
    fn storage(&self, id: Id) -> Option<Storage> {
        let Value::Tuple(items) = self.values.get(id) else { return None };
        let [tag, kind, key, _device, elements] = items[..] else { return None };
        let (Some("storage"), Value::Global(Global::Storage(dtype))) = (self.values.text(tag), self.values.get(kind))
        else {
            return None;
        };
        let (key, elements) = (self.values.text(key)?, self.values.count(elements)?);
        (key.len() <= MAX_KEY).then(|| Storage { key: key.to_owned(), dtype: *dtype, elements })
    }

    /// `(storage, offset, size, stride, requires_grad, hooks[, metadata])`
    fn tensor(&self, items: &[Id]) -> Option<TensorView> {
        let [storage, offset, shape, strides, ..] = items[..] else { return None };
        let Value::Storage(storage) = self.values.get(storage) else { return None };
        let (offset, shape, strides) =
            (self.values.count(offset)?, self.values.counts(shape)?, self.values.counts(strides)?);
        let fits = shape.len() == strides.len() && shape.len() <= MAX_DIMENSIONS;
        fits.then(|| TensorView { storage: storage.clone(), offset, shape, strides })
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), TorchFileError> {
        let dict = self.top()?;
        let pairs = items.chunks_exact(2);
        match (self.values.get_mut(dict), pairs.remainder()) {
            (Value::Dict(entries), []) => entries.extend(pairs.map(|pair| (pair[0], pair[1]))),
            (Value::Object(_), []) => (),
            _ => return Err(self.damaged("entries for something else than a dict")),
        }
        Ok(())
    }

    fn expect_list(&self) -> Result<(), TorchFileError> {
        let list = matches!(self.values.get(self.top()?), Value::List | Value::Object(_));
        if list { Ok(()) } else { Err(self.damaged("items for something else than a list")) }
    }

    fn push(&mut self, value: Value) {
        let id = self.values.add(value);
        self.stack.push(id);
    }

    /// The lowest position that may be popped. Values below the latest mark must stay.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, TorchFileError> {
        let held = self.stack.len() > self.floor();
        self.stack.last().copied().filter(|_| held).ok_or_else(|| self.damaged("its stack is empty"))
    }

    fn pop(&mut self) -> Result<Id, TorchFileError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, TorchFileError> {
        let start = self.stack.len().checked_sub(count).filter(|start| *start >= self.floor());
        let start = start.ok_or_else(|| self.damaged("its stack is empty"))?;
        Ok(self.stack.split_off(start))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, TorchFileError> {
        let mark = self.marks.pop().ok_or_else(|| self.damaged("a mark is missing"))?;
        Ok(self.stack.split_off(mark))
    }

    fn damaged(&self, problem: impl Into<String>) -> TorchFileError {
        self.reader.damaged(problem)
    }
}
