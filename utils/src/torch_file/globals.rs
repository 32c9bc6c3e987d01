//! The names that a pickle of tensors needs. All others are rejected.

use super::error::TorchFileError;
use super::tensor::Dtype;

/// The meaning of a name in a pickle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`
    RebuildTensor,
    /// `torch._utils._rebuild_parameter(tensor, requires_grad, hooks)`
    RebuildParameter,
    /// `torch.FloatStorage` and similar types
    Storage(Dtype),
    /// Something that may be stored next to the weights, such as a NumPy loss or the options of a training. It is not
    /// created: a call of such a name returns a word for it.
    Passed(&'static str),
}

impl Global {
    pub fn find(module: &str, name: &str) -> Result<Self, TorchFileError> {
        let storage = |dtype| Ok(Global::Storage(dtype));
        match (module, name) {
            ("collections", "OrderedDict") => Ok(Global::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Ok(Global::RebuildTensor),
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Ok(Global::RebuildParameter),
            ("torch", "DoubleStorage") => storage(Dtype::F64),
            ("torch", "FloatStorage") => storage(Dtype::F32),
            ("torch", "HalfStorage") => storage(Dtype::F16),
            ("torch", "BFloat16Storage") => storage(Dtype::Bf16),
            ("torch", "LongStorage") => storage(Dtype::I64),
            ("torch", "IntStorage") => storage(Dtype::I32),
            ("torch", "ShortStorage") => storage(Dtype::I16),
            ("torch", "CharStorage") => storage(Dtype::I8),
            ("torch", "ByteStorage") => storage(Dtype::U8),
            ("torch", "BoolStorage") => storage(Dtype::Bool),
            ("torch", "float16" | "bfloat16" | "float32" | "float64" | "int64" | "device" | "Size") => {
                Ok(Global::Passed("a PyTorch setting"))
            }
            _ => passed(module, name).map(Global::Passed).ok_or_else(|| refused(module, name)),
        }
    }
}

/// Names of plain values: those of Python and NumPy, and the usual types for settings.
fn passed(module: &str, name: &str) -> Option<&'static str> {
    const SETTINGS: &str =
        "omegaconf pytorch_lightning lightning lightning_fabric yacs easydict ml_collections addict munch typing";
    let root = module.split('.').next().unwrap_or(module);
    match (module, name) {
        ("numpy", "dtype" | "ndarray") | ("numpy.dtypes", _) => Some("a value of NumPy's"),
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar" | "_reconstruct") => Some("a value of NumPy's"),
        ("_codecs", "encode") => Some("bytes"),
        (
            "builtins" | "__builtin__",
            "set" | "frozenset" | "list" | "dict" | "tuple" | "int" | "float" | "complex" | "bool" | "str" | "bytes"
            | "bytearray" | "slice" | "range" | "object",
        ) => Some("a value of Python's"),
        ("copyreg" | "copy_reg", "_reconstructor") => Some("an object"),
        ("collections", "defaultdict" | "deque" | "Counter") => Some("a collection"),
        ("argparse", "Namespace") | ("types", "SimpleNamespace") => Some("settings"),
        ("datetime", "datetime" | "date" | "time" | "timedelta" | "timezone") => Some("a time"),
        ("pathlib" | "pathlib._local", _) => Some("a path"),
        ("decimal", "Decimal") | ("fractions", "Fraction") => Some("a number"),
        ("uuid", "UUID") => Some("an identifier"),
        _ => SETTINGS.split(' ').any(|known| known == root).then_some("settings"),
    }
}

fn refused(module: &str, name: &str) -> TorchFileError {
    let full = format!("{module}.{name}").escape_debug().to_string();
    if module.starts_with("__torch__") { TorchFileError::Script } else { TorchFileError::Global(full) }
}
