//! Tensors in safetensors files: from libtorch to bytes and back, in the number formats of stored weights.

use std::collections::HashMap;
use std::path::Path;

use ddpm_utils::atomic::write_atomic;
use ddpm_utils::files;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, serialize};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad_guard};

use crate::error::{Error, Result};

/// The number format of stored weights. Networks use f32; fewer bits make a smaller file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageKind {
    /// 32 bits: the weights as they are.
    #[default]
    F32,
    /// 16 bits, 11 of precision, up to 65504.
    F16,
    /// 16 bits, 8 of precision, with the range of f32.
    Bf16,
}

impl StorageKind {
    fn dtype(self) -> Dtype {
        match self {
            StorageKind::F32 => Dtype::F32,
            StorageKind::F16 => Dtype::F16,
            StorageKind::Bf16 => Dtype::BF16,
        }
    }

    fn kind(self) -> Kind {
        match self {
            StorageKind::F32 => Kind::Float,
            StorageKind::F16 => Kind::Half,
            StorageKind::Bf16 => Kind::BFloat16,
        }
    }

    /// The format that stores a tensor without rounding, or f32 if there is none.
    pub(crate) fn of(tensor: &Tensor) -> Self {
        match tensor.kind() {
            Kind::Half => StorageKind::F16,
            Kind::BFloat16 => StorageKind::Bf16,
            _ => StorageKind::F32,
        }
    }
}

/// A tensor, ready to be written to a file.
pub(crate) struct Stored {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Stored {
    pub fn new(name: impl Into<String>, tensor: &Tensor, storage: StorageKind) -> Result<Self> {
        let _no_grad = no_grad_guard();
        let name = name.into();
        let converted = tensor.detach().to_device(Device::Cpu).to_kind(storage.kind()).contiguous();
        if storage == StorageKind::F16 && !all_finite(&converted) {
            let problem = format!("{name:?} has values beyond 65504, the largest in f16; use bf16 or f32");
            return Err(Error::Unsupported(problem));
        }
        let shape = converted.size().iter().map(|size| *size as usize).collect();
        let mut bytes = vec![0; storage.kind().elt_size_in_bytes() * converted.numel()];
        converted.f_copy_data_u8(&mut bytes, converted.numel())?;
        Ok(Self { name, dtype: storage.dtype(), shape, bytes })
    }
}

/// Writes a safetensors file with these entries in its header.
pub(crate) fn write(path: &Path, tensors: &[Stored], header: HashMap<String, String>) -> Result<()> {
    let file = tensors
        .iter()
        .map(|tensor| Ok((&tensor.name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes)?)))
        .collect::<Result<Vec<_>, SafeTensorError>>()
        .and_then(|views| serialize(views, Some(header)))
        .map_err(|error| Error::Checkpoint { path: path.to_owned(), problem: error.to_string() })?;
    Ok(write_atomic(path, &file)?)
}

/// Reads a file of at most the size of a checkpoint.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    const MAX_BYTES: u64 = 16 << 30;
    files::read_file(path, MAX_BYTES).map_err(Error::io("read", path))
}

/// A tensor from a file, in its stored format; `None` for a format that weights do not have.
pub(crate) fn to_tensor(view: &TensorView) -> Result<Option<Tensor>> {
    let kind = match view.dtype() {
        Dtype::F64 => Kind::Double,
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        _ => return Ok(None),
    };
    let shape: Vec<i64> = view.shape().iter().map(|size| *size as i64).collect();
    Ok(Some(Tensor::f_from_data_size(view.data(), &shape, kind)?))
}

pub(crate) fn all_finite(tensor: &Tensor) -> bool {
    tensor.isfinite().all().int64_value(&[]) != 0
}
