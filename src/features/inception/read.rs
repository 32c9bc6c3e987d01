//! Reads the weights of Inception v3, under torchvision's names, from a safetensors file or a file of `torch.save`.

use std::collections::BTreeMap;
use std::path::Path;

use ddpm_utils::files::{describe, head};
use ddpm_utils::torch_file::{Dtype, NamedTensor, TorchFile, TorchFileError};
use safetensors::SafeTensors;
use tch::{Device, Kind, Tensor};

use super::{InceptionV3, InceptionVariant};
use crate::error::{Error, Result};
use crate::tensor_file::{self, all_finite};

/// The weights of the first layer, which show the prefix of all names.
const FIRST: &str = "Conv2d_1a_3x3.conv.weight";
const CLASSIFIER: &str = "fc.weight";
/// TensorFlow's network has one class for the background and several unused ones.
const FID_CLASSES: i64 = 1008;

type Tensors = BTreeMap<String, Tensor>;

/// Reads the weights of Inception v3. The number of classes determines the variant: 1008 means the weights of FID
/// (`pt_inception-2015-12-05`), any other number torchvision's.
///
/// The file is a safetensors file or a file of `torch.save` (`.pth`, `.pt`), of which no code is run. The auxiliary
/// classifier (`AuxLogits`), which is used only in training, is ignored.
///
/// # Errors
/// [`Error::Io`] for a file that cannot be read; [`Error::Checkpoint`] for other weights, with the first tensor that is
/// missing or has another shape, and for a file without weights.
pub fn read_inception(path: &Path, device: Device) -> Result<InceptionV3> {
    let mut tensors = read(path)?;
    let classes = match tensors.get(CLASSIFIER).map(Tensor::size).as_deref() {
        Some([classes, _]) => *classes,
        // The error will name the first missing layer.
        _ => FID_CLASSES,
    };
    let auxiliary = tensors.keys().any(|name| is_auxiliary(name));
    let fid = classes == FID_CLASSES && !auxiliary;
    let variant = if fid { InceptionVariant::Fid } else { InceptionVariant::Torchvision };
    InceptionV3::new(variant, classes, device, |name, shape| {
        let Some(tensor) = tensors.remove(name) else {
            let problem = format!(
                "expected the weights of Inception v3 under torchvision's names, but {name} is missing. Use the file of pytorch-fid or \
                 torch-fidelity (pt_inception-2015-12-05), or the weights of torchvision's inception_v3"
            );
            return Err(refused(path, problem));
        };
        if tensor.size() != shape {
            let problem = format!("{name} should have shape {shape:?}, but has {:?}", tensor.size());
            return Err(refused(path, problem));
        }
        if !all_finite(&tensor) {
            return Err(refused(path, format!("{name} contains NaN or infinity")));
        }
        Ok(tensor)
    })
}

fn refused(path: &Path, problem: impl Into<String>) -> Error {
    Error::Checkpoint { path: path.to_owned(), problem: problem.into() }
}

/// Whether a tensor is part of the network only in training.
fn is_auxiliary(name: &str) -> bool {
    name.starts_with("AuxLogits.")
}

/// The prefix of all names, such as `module.`; `None` if the first layer is missing.
fn prefix<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<String> {
    names
        .find_map(|name| name.strip_suffix(FIRST))
        .filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
        .map(str::to_owned)
}

/// The floating-point tensors, by their names in the network.
fn read(path: &Path) -> Result<Tensors> {
    let start = head(path, 512).map_err(Error::io("read", path))?;
    match describe(&start) {
        Some("a safetensors file") => read_safetensors(path),
        Some("a zip archive" | "a pickle of Python's" | "a tar archive") | None => read_torch(path),
        Some(what) => {
            Err(refused(path, format!("expected weights written by torch.save or safetensors; this is {what}")))
        }
    }
}

fn read_safetensors(path: &Path) -> Result<Tensors> {
    let file = tensor_file::read_file(path)?;
    let broken = |error| refused(path, format!("not a complete safetensors file ({error})"));
    let views = SafeTensors::deserialize(&file).map_err(broken)?;
    let prefix = prefix(views.names().into_iter()).unwrap_or_default();
    let mut tensors = Tensors::new();
    for (name, view) in views.iter() {
        if let Some(name) = name.strip_prefix(&prefix)
            && let Some(tensor) = tensor_file::to_tensor(&view)?
        {
            tensors.insert(name.to_owned(), tensor);
        }
    }
    Ok(tensors)
}

fn read_torch(path: &Path) -> Result<Tensors> {
    let wrong = |error| match error {
        TorchFileError::Io(source) => Error::io("read", path)(source),
        error => refused(path, error.to_string()),
    };
    let mut file = TorchFile::open(path).map_err(wrong)?;
    let dicts = file.state_dicts.clone();
    // If no dict has the first layer, return nothing: the error will say that it is missing.
    let Some((dict, prefix)) = dicts.iter().find_map(|dict| Some((dict, prefix(dict.names())?))) else {
        return Ok(Tensors::new());
    };
    let named = file.load(dict, |name| name.starts_with(&prefix)).map_err(wrong)?;
    let tensor = |tensor: NamedTensor| -> Option<Result<(String, Tensor)>> {
        let kind = match tensor.dtype {
            Dtype::F64 => Kind::Double,
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::Bf16 => Kind::BFloat16,
            // The number of batches seen by a norm.
            _ => return None,
        };
        let shape: Vec<i64> = tensor.shape.iter().map(|size| *size as i64).collect();
        let values = Tensor::f_from_data_size(&tensor.bytes, &shape, kind).map_err(Error::from);
        Some(values.map(|values| (tensor.name[prefix.len()..].to_owned(), values)))
    };
    named.into_iter().filter_map(tensor).collect()
}
