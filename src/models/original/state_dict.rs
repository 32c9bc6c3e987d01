//! Reads names and tensors from a file of `torch.save` or a safetensors file, as detected from its content.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ddpm_utils::files::{describe, head, read_text};
use ddpm_utils::torch_file::{Dtype, NamedTensor, TorchFile, TorchFileError};
use safetensors::SafeTensors;
use serde_json::Value;
use tch::{Kind, Tensor};

use super::choose::{Chosen, Group, choose};
use crate::error::{Error, Result};
use crate::tensor_file::{self, all_finite};

/// The weights of a network by name, in their stored formats.
#[derive(Debug)]
pub(super) struct StateDict {
    pub tensors: BTreeMap<String, Tensor>,
    /// The entries of a safetensors file's header.
    pub header: HashMap<String, String>,
    /// The other weights in the file.
    pub others: Vec<String>,
    /// What was used, ignored and changed.
    pub remarks: Vec<String>,
}

impl StateDict {
    /// Reads the weights named by `key` from a safetensors file or a file of `torch.save`. No code in it is run.
    pub fn read(path: &Path, key: Option<&str>) -> Result<Self> {
        let mut state_dict = match kind(path)? {
            FileKind::Safetensors => read_safetensors(path, key)?,
            FileKind::Torch => read_torch(path, key)?,
        };
        if let Some(files) = part(path) {
            let problem = format!(
                "the file name says that the weights are split into {files} files. Load them in Python, and save \
                 them as one"
            );
            return Err(refused(path, problem));
        }
        for (name, tensor) in &state_dict.tensors {
            if !all_finite(tensor) {
                return Err(refused(path, format!("tensor {name:?} contains NaN or infinity")));
            }
        }
        if state_dict.tensors.values().any(|tensor| tensor.kind() == Kind::Double) {
            state_dict.remarks.push("converted the weights from f64 to f32".to_owned());
        }
        Ok(state_dict)
    }

    fn new(chosen: Chosen, header: HashMap<String, String>) -> Self {
        Self { tensors: BTreeMap::new(), header, others: chosen.others, remarks: chosen.remarks }
    }

    /// The shape of the tensor with that name, if there is one.
    pub fn shape(&self, name: &str) -> Option<Vec<i64>> {
        self.tensors.get(name).map(Tensor::size)
    }

    /// Whether any name starts with `start`.
    pub fn has_any(&self, start: &str) -> bool {
        self.tensors.range(start.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(start))
    }

    fn add(&mut self, path: &Path, name: String, tensor: Tensor) -> Result<()> {
        let twice = format!("two tensors are named {name:?} after removing wrappers from the names");
        if self.tensors.insert(name, tensor).is_some() { Err(refused(path, twice)) } else { Ok(()) }
    }
}

pub(super) fn refused(path: &Path, problem: impl Into<String>) -> Error {
    Error::Checkpoint { path: path.to_owned(), problem: problem.into() }
}

enum FileKind {
    Safetensors,
    Torch,
}

/// The kind of weights file, by its first bytes or, if they are inconclusive, by its extension.
fn kind(path: &Path) -> Result<FileKind> {
    let head = head(path, 512).map_err(Error::io("read", path))?;
    let safetensors = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("safetensors"));
    match describe(&head) {
        Some("a safetensors file") => Ok(FileKind::Safetensors),
        // That reader also handles files from before PyTorch 1.6, and reports other archives.
        Some("a zip archive" | "a pickle of Python's" | "a tar archive") => Ok(FileKind::Torch),
        None if safetensors => Ok(FileKind::Safetensors),
        None => Ok(FileKind::Torch),
        Some("a JSON text") => Err(refused(path, json(path))),
        Some(what) => {
            let packed = if what.contains("archive") { ": unpack it, and give the file of weights in it" } else { "" };
            let problem = format!("expected weights written by torch.save or safetensors; this is {what}{packed}");
            Err(refused(path, problem))
        }
    }
}

/// The second number of a name such as `model-00001-of-00002.safetensors`.
fn part(path: &Path) -> Option<u32> {
    let (rest, files) = path.file_stem()?.to_str()?.rsplit_once("-of-")?;
    let (_, number) = rest.rsplit_once('-')?;
    let (number, files): (u32, u32) = (number.parse().ok()?, files.parse().ok()?);
    (1..=files).contains(&number).then_some(files).filter(|files| *files > 1)
}

/// Explains a JSON file given instead of weights: it may be the index of several files.
fn json(path: &Path) -> String {
    const MAX_BYTES: u64 = 100 << 20;
    let value = read_text(path, MAX_BYTES).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let map = value.as_ref().and_then(|value| value.get("weight_map")).and_then(Value::as_object);
    let Some(map) = map else {
        return "expected weights written by torch.save or safetensors; this is a JSON text. Give a configuration in addition \
                to the weights"
            .to_owned();
    };
    let mut files: Vec<&str> = map.values().filter_map(Value::as_str).collect();
    files.sort_unstable();
    files.dedup();
    format!(
        "this is the index of weights that are split into several files ({} of them, such as {:?}). Load them in Python, and \
         save them as one",
        files.len(),
        files.first().unwrap_or(&"none")
    )
}

fn read_torch(path: &Path, key: Option<&str>) -> Result<StateDict> {
    let wrong = |error| match error {
        TorchFileError::Io(source) => Error::io("read", path)(source),
        error => refused(path, error.to_string()),
    };
    let mut file = TorchFile::open(path).map_err(wrong)?;
    let dicts = file.state_dicts.clone();
    let groups: Vec<Group> =
        dicts.iter().map(|dict| Group { path: &dict.path, names: dict.names().collect() }).collect();
    let keys: Vec<String> = file.keys.iter().map(|(key, _)| key.clone()).collect();
    let chosen = choose(path, &groups, &keys, key)?;
    let tensors = match dicts.get(chosen.group) {
        Some(dict) => file.load(dict, |name| chosen.name(name).is_some()).map_err(wrong)?,
        None => Vec::new(),
    };
    let tensor = |tensor: NamedTensor| {
        let kind = match tensor.dtype {
            Dtype::F64 => Kind::Double,
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::Bf16 => Kind::BFloat16,
            other => return Err(no_weights(path, &tensor.name, &other)),
        };
        let shape: Vec<i64> = tensor.shape.iter().map(|size| *size as i64).collect();
        Ok((chosen.name(&tensor.name).unwrap_or_default(), Tensor::f_from_data_size(&tensor.bytes, &shape, kind)?))
    };
    let tensors: Vec<(String, Tensor)> = tensors.into_iter().map(tensor).collect::<Result<_>>()?;
    let mut state_dict = StateDict::new(chosen, HashMap::new());
    tensors.into_iter().try_for_each(|(name, tensor)| state_dict.add(path, name, tensor))?;
    Ok(state_dict)
}

fn read_safetensors(path: &Path, key: Option<&str>) -> Result<StateDict> {
    let file = tensor_file::read_file(path)?;
    let broken = |error| refused(path, format!("not a complete safetensors file ({error})"));
    let views = SafeTensors::deserialize(&file).map_err(broken)?;
    let (_, header) = SafeTensors::read_metadata(&file).map_err(broken)?;
    let header = header.metadata().clone().unwrap_or_default();
    if header.get("format").is_some_and(|format| format.starts_with("ddpm_tutor")) {
        let advice = "this is a checkpoint of ddpm itself, which does not need to be imported: copy the model's folder, or write its \
                      weights to a file with `ddpm export`";
        return Err(refused(path, advice));
    }
    if views.is_empty() {
        return Err(refused(path, "it contains no tensors"));
    }
    let mut names = views.names();
    names.sort_unstable();
    let chosen = choose(path, &[Group { path: &[], names }], &[], key)?;
    let mut tensors = Vec::new();
    for (name, view) in views.iter() {
        let Some(ours) = chosen.name(name) else { continue };
        let tensor = tensor_file::to_tensor(&view)?.ok_or_else(|| no_weights(path, name, &view.dtype()))?;
        tensors.push((ours, tensor));
    }
    let mut state_dict = StateDict::new(chosen, header);
    tensors.into_iter().try_for_each(|(name, tensor)| state_dict.add(path, name, tensor))?;
    Ok(state_dict)
}

fn no_weights(path: &Path, name: &str, kind: &dyn std::fmt::Debug) -> Error {
    refused(path, format!("tensor {name:?} has type {kind:?}; expected f32, f64, f16 or bf16"))
}
