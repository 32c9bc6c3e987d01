//! The machine that runs a pickle: a stack, a memo, and nothing that could touch the world outside.

use std::collections::HashMap;

use super::error::{TorchFileError, within};
use super::globals::Global;
use super::opcodes::{Opcode, Reader};
use super::values::{Id, Storage, TensorView, Value, Values};

/// Instructions; a thousand tensors with their optimizer's state take 60,000. It bounds stack, memo and values, too.
const MAX_OPCODES: u64 = 2_000_000;
const MAX_DEPTH: u64 = 100_000;
const MAX_MARKS: u64 = 1_000;
/// A tensor may be made again and again from what is noted: it is kept small.
const MAX_DIMENSIONS: usize = 8;
const MAX_KEY: usize = 32;

/// Runs a pickle to its end: all values that it made, and the place of its result.
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
        match machine.reader.next()? {
            Opcode::Stop => break,
            opcode => machine.step(opcode)?,
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
    /// The heights of the stack at which a mark was set.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl Machine<'_> {
    fn step(&mut self, opcode: Opcode) -> Result<(), TorchFileError> {
        match opcode {
            Opcode::Stop => {}
            Opcode::Proto(2) => {}
            Opcode::Proto(version) => {
                let advice = "save it again in Python, without pickle_protocol";
                return Err(self.damaged(format!("protocol {version}; torch.save writes 2 by default: {advice}")));
            }
            Opcode::Mark => self.marks.push(self.stack.len()),
            Opcode::None => self.push(Value::None),
            Opcode::Bool => self.push(Value::Bool),
            Opcode::Int(value) => self.push(Value::Int(value)),
            Opcode::Float => self.push(Value::Float),
            Opcode::Text(text) => self.push(Value::Text(text.to_owned())),
            Opcode::EmptyTuple => self.push(Value::Tuple(Vec::new())),
            Opcode::Tuple(length) => {
                let items = self.pop_many(length)?;
                self.push(Value::Tuple(items));
            }
            Opcode::TupleFromMark => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items));
            }
            Opcode::EmptyList => self.push(Value::List),
            // What lists hold is the optimizer's business.
            Opcode::Append => {
                self.pop()?;
                self.expect_list()?;
            }
            Opcode::Appends => {
                self.pop_to_mark()?;
                self.expect_list()?;
            }
            Opcode::EmptyDict => self.push(Value::Dict(Vec::new())),
            Opcode::SetItem => {
                let items = self.pop_many(2)?;
                self.set_items(&items)?;
            }
            Opcode::SetItems => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)?;
            }
            Opcode::Put(key) => {
                let top = self.top()?;
                self.memo.insert(key, top);
            }
            Opcode::Get(key) => {
                let id = self.memo.get(&key).ok_or_else(|| self.damaged(format!("nothing is noted under {key}")))?;
                self.stack.push(*id);
            }
            Opcode::Global { module, name } => self.push(Value::Global(Global::find(module, name)?)),
            Opcode::Reduce | Opcode::New => self.reduce()?,
            Opcode::Build => {
                // The attributes of an OrderedDict: versions of modules, which no tensor depends on.
                let (state, object) = (self.pop()?, self.top()?);
                match (self.values.get(object), self.values.get(state)) {
                    (Value::Dict(_), Value::Dict(_)) | (Value::Object(_), _) => (),
                    _ => return Err(self.damaged("it sets attributes of something else than a dict")),
                }
            }
            Opcode::PersistentId => {
                let id = self.pop()?;
                let storage =
                    self.storage(id).ok_or_else(|| self.damaged("a reference to something else than a storage"))?;
                self.push(Value::Storage(storage));
            }
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

    /// The lowest place that may be popped: values below the latest mark are not for the taking.
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
