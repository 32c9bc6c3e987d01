//! Out of memory: turns libtorch's panic into an error that says which batch would fit, or processes the samples in
//! parts.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ddpm_utils::memory::spare_memory;
use tch::{Device, Tensor};

use crate::error::{Error, Result};

/// The messages of libtorch's allocators when memory runs out on a GPU or a CPU, and those of cuBLAS and cuDNN. (cuDNN
/// tries one algorithm after the other, and finally reports only that none worked.)
const SIGNS: [&str; 6] = [
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "STATUS_ALLOC_FAILED",
    "ALLOCATION_FAILED",
    "unable to find an engine to execute this computation",
];

/// Whether a libtorch message says that memory ran out.
pub fn says_out_of_memory(message: &str) -> bool {
    SIGNS.iter().any(|sign| message.contains(sign))
}

/// libtorch's message, in one line, if the panic means that memory ran out; else `None`.
pub fn panic_out_of_memory(panic: &(dyn Any + Send)) -> Option<&str> {
    let owned = || panic.downcast_ref::<String>().map(String::as_str);
    let message = panic.downcast_ref::<&str>().copied().or_else(owned)?;
    // tch unwraps errors: libtorch's message is then in quotes, with escaped line breaks, and a C++ stack trace after
    // the first line.
    let said = message.split_once("Torch(\"").map_or(message, |(_, said)| said);
    says_out_of_memory(message).then(|| said.split("\\n").next().unwrap_or(said).lines().next().unwrap_or_default())
}

/// Rejects more samples than fit into the computer's memory: the system would kill the process, whereas a GPU only
/// reports an error.
pub(crate) fn require_room(shape: &[i64], device: Device) -> Result<()> {
    let (n, sample) = (shape[0], shape[1..].iter().product::<i64>());
    let most = spare_memory() / (4 * sample.max(1)) as u64;
    if device != Device::Cpu || n as u64 <= most {
        return Ok(());
    }
    Err(Error::config("number of samples", format!("at most {most}, which fit into memory"), n))
}

/// Runs `f` on a batch of this size. If memory runs out, it returns [`Error::OutOfMemory`]; other panics are resumed.
pub(crate) fn within_memory<T>(batch_size: i64, f: impl FnOnce() -> Result<T>) -> Result<T> {
    let out_of_memory = |said: &str| Err(Error::OutOfMemory { batch_size, fits: None, said: said.to_owned() });
    // Partial results of `f` are dropped; weights change only after the gradient is complete.
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Err(Error::Torch(error))) if says_out_of_memory(&error.to_string()) => {
            out_of_memory(error.to_string().lines().next().unwrap_or_default())
        }
        Ok(result) => result,
        Err(panic) => match panic_out_of_memory(&*panic) {
            Some(said) => out_of_memory(said),
            None => resume_unwind(panic),
        },
    }
}

/// Applies `f(start, length)` to `n` samples, `part` at a time, or half as many each time that memory runs out, and
/// concatenates the results. Also returns the part size that fitted.
pub(crate) fn in_parts(n: i64, part: i64, f: impl Fn(i64, i64) -> Result<Tensor>) -> Result<(Tensor, i64)> {
    let mut part = part.min(n).max(1);
    loop {
        let all = || {
            let starts = (0..n.max(1)).step_by(part as usize);
            let mut parts = starts.map(|start| f(start, part.min(n - start))).collect::<Result<Vec<_>>>()?;
            match parts.len() {
                1 => Ok(parts.remove(0)),
                _ => Ok(Tensor::f_cat(&parts, 0)?),
            }
        };
        match within_memory(part, all) {
            Err(Error::OutOfMemory { .. }) if part > 1 => part = (part + 1) / 2,
            whole => return Ok((whole?, part)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_memory_is_distinguished_from_other_panics() {
        let message_of = |panic: Box<dyn Any + Send>| panic_out_of_memory(&*panic).map(str::to_owned);
        for sign in [
            "CUDA out of memory. Tried to allocate 20.00 MiB.",
            "GET was unable to find an engine to execute this computation",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
            "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes",
        ] {
            let message = format!("{sign}\nframe #0: c10::ThrowEnforceNotMet");
            let unwrapped =
                format!("called `Result::unwrap()` on an `Err` value: {:?}", tch::TchError::Torch(message.clone()));
            assert_eq!(message_of(Box::new(message)).as_deref(), Some(sign));
            assert_eq!(message_of(Box::new(unwrapped)).as_deref(), Some(sign));
        }
        assert_eq!(message_of(Box::new("shape '[2]' is invalid")), None);
        assert_eq!(message_of(Box::new(5)), None);
    }
}
