//! Names and tensors out of a file, whatever wrote it: `torch.save` or safetensors.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ddpm_utils::torch_file::{Dtype, NamedTensor, TorchFileError, read_state_dict};
use safetensors::SafeTensors;
use tch::{Kind, Tensor};

use crate::error::{Error, Result};
use crate::tensor_file::{self, all_finite};

/// The weights of a network by their names, each in the kind of numbers that it was stored in.
#[derive(Debug)]
pub(super) struct StateDict {
    pub tensors: BTreeMap<String, Tensor>,
    /// The entries of a safetensors file's header.
    pub header: HashMap<String, String>,
}

impl StateDict {
    /// Reads `.safetensors` by that ending, and everything else as a file of `torch.save`. Nothing in it is run.
    pub fn read(path: &Path) -> Result<Self> {
        let safetensors = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("safetensors"));
        let state_dict = if safetensors { read_safetensors(path)? } else { read_torch(path)? };
        for (name, tensor) in &state_dict.tensors {
            if !all_finite(tensor) {
                return Err(refused(path, format!("tensor {name:?} holds NaN or infinity")));
            }
        }
        Ok(state_dict)
    }

    /// The shape of a tensor, where there is one of that name.
    pub fn shape(&self, name: &str) -> Option<Vec<i64>> {
        self.tensors.get(name).map(Tensor::size)
    }

    /// Whether some name starts so.
    pub fn has_any(&self, start: &str) -> bool {
        self.tensors.range(start.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(start))
    }
}

pub(super) fn refused(path: &Path, problem: impl Into<String>) -> Error {
    Error::Checkpoint { path: path.to_owned(), problem: problem.into() }
}

fn read_torch(path: &Path) -> Result<StateDict> {
    let tensors = read_state_dict(path).map_err(|error| match error {
        TorchFileError::Io(source) => Error::io("read", path)(source),
        error => refused(path, error.to_string()),
    })?;
    let tensor = |tensor: NamedTensor| {
        let kind = match tensor.dtype {
            Dtype::F64 => Kind::Double,
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::Bf16 => Kind::BFloat16,
            other => return Err(no_weights(path, &tensor.name, &other)),
        };
        let shape: Vec<i64> = tensor.shape.iter().map(|size| *size as i64).collect();
        Ok((tensor.name, Tensor::f_from_data_size(&tensor.bytes, &shape, kind)?))
    };
    let tensors = tensors.into_iter().map(tensor).collect::<Result<_>>()?;
    Ok(StateDict { tensors, header: HashMap::new() })
}

fn read_safetensors(path: &Path) -> Result<StateDict> {
    let file = tensor_file::read_file(path)?;
    let broken = |error| refused(path, format!("not a complete safetensors file ({error})"));
    let views = SafeTensors::deserialize(&file).map_err(broken)?;
    let (_, header) = SafeTensors::read_metadata(&file).map_err(broken)?;
    let header = header.metadata().clone().unwrap_or_default();
    if header.get("format").is_some_and(|format| format.starts_with("ddpm_tutor")) {
        let advice = "this is a checkpoint of ddpm itself, which needs no import: copy the model's folder, or write its \
                      weights to a file with `ddpm export`";
        return Err(refused(path, advice));
    }
    let mut tensors = BTreeMap::new();
    for (name, view) in views.iter() {
        let tensor = tensor_file::to_tensor(&view)?.ok_or_else(|| no_weights(path, name, &view.dtype()))?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(StateDict { tensors, header })
}

fn no_weights(path: &Path, name: &str, kind: &dyn std::fmt::Debug) -> Error {
    refused(path, format!("tensor {name:?} has numbers of kind {kind:?}; expected weights: f32, f64, f16 or bf16"))
}
