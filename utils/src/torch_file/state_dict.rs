//! The state dicts among the values of a pickle, and the numbers of their tensors.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Seek};

use super::archive::Archive;
use super::error::{TorchFileError, within};
use super::tensor::{MAX_BYTES, NamedTensor};
use super::values::{Id, TensorView, Value, Values};

const MAX_TENSORS: u64 = 10_000;
/// How deep dicts are searched, and how many state dicts are listed.
const MAX_DEPTH: usize = 5;
const MAX_STATE_DICTS: u64 = 100;
const MAX_DICTS: usize = 10_000;
/// The longest name, in bytes, since one text can be used for any number of keys.
const MAX_NAME: usize = 512;
/// The number of keys examined to describe a file, and the number of keys named if it has no state dict.
const LISTED: usize = 1000;
const SHOWN: usize = 6;

/// A dict of names and tensors.
#[derive(Debug, Clone)]
pub struct StateDict {
    /// The keys that lead to it, the outermost first. Empty if it is the file itself.
    pub path: Vec<String>,
    pub(super) tensors: Vec<(String, TensorView)>,
}

impl StateDict {
    /// The names of its tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name.as_str())
    }
}

/// The dicts in `root` that contain tensors with names, including `root` itself.
pub(super) fn find(values: &Values, root: Id) -> Result<Vec<StateDict>, TorchFileError> {
    let (mut found, mut seen) = (Vec::new(), HashSet::from([root]));
    let mut open = vec![(Vec::new(), root)];
    // By depth, so that dicts near the root come first.
    for _ in 0..MAX_DEPTH {
        let mut deeper = Vec::new();
        for (path, id) in open {
            let Value::Dict(entries) = values.get(id) else { continue };
            found.extend(state_dict(values, &path, entries)?);
            within("state dicts in its pickle", MAX_STATE_DICTS, found.len() as u64)?;
            for (key, value) in entries {
                if let (Some(key), Value::Dict(_)) = (values.text(*key), values.get(*value))
                    && key.len() <= MAX_NAME
                    && seen.len() < MAX_DICTS
                    && seen.insert(*value)
                {
                    deeper.push(([&path[..], &[key.to_owned()]].concat(), *value));
                }
            }
        }
        open = deeper;
    }
    if found.is_empty() { Err(TorchFileError::NoStateDict(instead(values, root))) } else { Ok(found) }
}

fn state_dict(values: &Values, path: &[String], entries: &[(Id, Id)]) -> Result<Option<StateDict>, TorchFileError> {
    let (mut tensors, mut names) = (Vec::new(), HashSet::new());
    for (key, value) in entries {
        let (Some(name), Value::Tensor(view)) = (values.text(*key), values.get(*value)) else { continue };
        if !names.insert(name) {
            return Err(TorchFileError::NoStateDict(format!("the name {name:?} twice")));
        }
        within("tensors of its state dict", MAX_TENSORS, names.len() as u64)?;
        within("length of a tensor's name", MAX_NAME as u64, name.len() as u64)?;
        tensors.push((name.to_owned(), view.clone()));
    }
    Ok((!tensors.is_empty()).then(|| StateDict { path: path.to_owned(), tensors }))
}

/// The keys of a dict, each with a description of its value.
pub(super) fn keys(values: &Values, root: Id) -> Vec<(String, &'static str)> {
    let Value::Dict(entries) = values.get(root) else { return Vec::new() };
    let key = |key: &Id| values.text(*key).unwrap_or_else(|| values.get(*key).kind()).chars().take(MAX_NAME).collect();
    entries.iter().take(LISTED).map(|(name, value)| (key(name), values.get(*value).kind())).collect()
}

/// Describes what the file contains instead of tensors.
fn instead(values: &Values, root: Id) -> String {
    let keys = keys(values, root);
    match (values.get(root), &keys[..]) {
        (Value::Dict(_), []) => "an empty dict, no tensors".to_owned(),
        (Value::Dict(_), keys) => {
            let named: Vec<String> =
                keys.iter().take(SHOWN).map(|(key, kind)| format!("{kind} under {key:?}")).collect();
            let more = if keys.len() > SHOWN { ", …" } else { "" };
            let numpy = keys.iter().any(|(_, kind)| kind.contains("NumPy"));
            let advice = if numpy { ": make tensors of arrays with torch.from_numpy, and save again" } else { "" };
            format!("no tensors, but {}{more}{advice}", named.join(", "))
        }
        (value, _) => value.kind().to_owned(),
    }
}

/// Reads the numbers of the tensors. Each storage is read once, however many tensors share it.
pub(super) fn load<R: Read + Seek>(
    archive: &mut Archive<R>,
    tensors: Vec<(String, TensorView)>,
) -> Result<Vec<NamedTensor>, TorchFileError> {
    let mut by_storage: BTreeMap<String, Vec<(usize, String, TensorView)>> = BTreeMap::new();
    let (mut stored, mut copied) = (0_u64, 0_u64);
    for (place, (name, view)) in tensors.into_iter().enumerate() {
        if let Some(problem) = view.misfit() {
            return Err(TorchFileError::Tensor { name, problem });
        }
        let sharing = by_storage.entry(view.storage.key.clone()).or_default();
        match sharing.first() {
            Some((_, other, first)) if first.storage != view.storage => {
                let problem =
                    format!("it shares a storage with {other:?}, but the two do not agree on its size or kind");
                return Err(TorchFileError::Tensor { name, problem });
            }
            Some(_) => {}
            None => stored = stored.saturating_add(bytes(&view, view.storage.elements)),
        }
        copied = copied.saturating_add(bytes(&view, view.elements().unwrap_or(u64::MAX)));
        within("bytes of its tensors", MAX_BYTES, stored.max(copied))?;
        sharing.push((place, name, view));
    }
    let mut loaded = BTreeMap::new();
    for (key, sharing) in by_storage {
        let Some((_, _, first)) = sharing.first() else { continue };
        let storage = archive.storage(&key, bytes(first, first.storage.elements))?;
        for (place, name, view) in sharing {
            let shape = view.shape.iter().map(|size| *size as usize).collect();
            loaded.insert(place, NamedTensor { name, dtype: view.storage.dtype, shape, bytes: view.gather(&storage) });
        }
    }
    Ok(loaded.into_values().collect())
}

fn bytes(view: &TensorView, elements: u64) -> u64 {
    elements.saturating_mul(view.storage.dtype.size() as u64)
}
