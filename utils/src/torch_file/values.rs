//! The values that a pickle creates. They are stored in one list, and refer to each other by their index: a value may
//! be shared or contain itself without being copied, and dropping deeply nested values needs no deep recursion.

use super::globals::Global;
use super::tensor::Dtype;

/// The index of a value.
pub(super) type Id = usize;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    Float,
    Text(String),
    Tuple(Vec<Id>),
    List,
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Storage),
    Tensor(TensorView),
    /// A word for something that is ignored.
    Object(&'static str),
}

/// The numbers of one or more tensors: an entry of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub key: String,
    pub dtype: Dtype,
    pub elements: u64,
}

/// The numbers that a tensor takes from a storage, and their order.
#[derive(Debug, Clone)]
pub(super) struct TensorView {
    pub storage: Storage,
    pub offset: u64,
    pub shape: Vec<u64>,
    pub strides: Vec<u64>,
}

/// All values of a pickle.
#[derive(Debug, Default)]
pub(super) struct Values(Vec<Value>);

impl Values {
    pub fn add(&mut self, value: Value) -> Id {
        self.0.push(value);
        self.0.len() - 1
    }

    pub fn get(&self, id: Id) -> &Value {
        &self.0[id]
    }

    pub fn get_mut(&mut self, id: Id) -> &mut Value {
        &mut self.0[id]
    }

    pub fn text(&self, id: Id) -> Option<&str> {
        if let Value::Text(text) = self.get(id) { Some(text) } else { None }
    }

    /// A count or an index: a nonnegative integer.
    pub fn count(&self, id: Id) -> Option<u64> {
        if let Value::Int(value) = self.get(id) { u64::try_from(*value).ok() } else { None }
    }

    pub fn counts(&self, id: Id) -> Option<Vec<u64>> {
        let Value::Tuple(items) = self.get(id) else { return None };
        items.iter().map(|item| self.count(*item)).collect()
    }
}

impl Value {
    /// Its description in a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::None => "None",
            Value::Bool => "a truth value",
            Value::Int(_) => "an integer",
            Value::Float => "a number",
            Value::Text(_) => "a text",
            Value::Tuple(_) => "a tuple",
            Value::List => "a list",
            Value::Dict(_) => "a dict",
            Value::Global(_) => "a name",
            Value::Storage(_) => "a storage",
            Value::Tensor(_) => "a tensor",
            Value::Object(what) => what,
        }
    }
}
