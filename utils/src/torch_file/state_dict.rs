//! The state dict in what a pickle made, and its tensors' numbers.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Seek};

use super::archive::Archive;
use super::error::{TorchFileError, within};
use super::values::{Id, TensorView, Value, Values};
use super::{MAX_BYTES, NamedTensor};

const MAX_TENSORS: u64 = 10_000;

/// The names and tensors of the state dict: the result itself, or what it holds under `model`.
pub(super) fn find(values: &Values, root: Id) -> Result<Vec<(String, TensorView)>, TorchFileError> {
    let not_one = |got: String| TorchFileError::NoStateDict(got);
    let Value::Dict(entries) = values.get(root) else { return Err(not_one(values.get(root).kind().to_owned())) };
    let model = entries.iter().rev().find(|(key, _)| values.text(*key) == Some("model"));
    let entries = match model.map(|(_, value)| values.get(*value)) {
        Some(Value::Dict(entries)) => entries,
        _ => entries,
    };
    within("tensors of its state dict", MAX_TENSORS, entries.len() as u64)?;
    let (mut tensors, mut names) = (Vec::new(), HashSet::new());
    for (key, value) in entries {
        let name = values.text(*key).ok_or_else(|| not_one(format!("{} as a name", values.get(*key).kind())))?;
        let Value::Tensor(view) = values.get(*value) else {
            return Err(not_one(format!("{} under {name:?}", values.get(*value).kind())));
        };
        if !names.insert(name) {
            return Err(not_one(format!("the name {name:?} twice")));
        }
        tensors.push((name.to_owned(), view.clone()));
    }
    if tensors.is_empty() { Err(not_one("no tensors".to_owned())) } else { Ok(tensors) }
}

/// Reads the tensors' numbers, each storage once, whatever shares it.
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
