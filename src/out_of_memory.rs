//! Out of memory: libtorch's panic becomes an error that says which batch would fit, or the samples go through in parts.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ddpm_utils::memory::spare_memory;
use tch::{Device, Tensor};

use crate::error::{Error, Result};

/// What libtorch's allocators say when memory has run out, on a GPU or a CPU, and what cuBLAS and cuDNN make of it: the latter tries
/// one algorithm after the other, and in the end says only that none worked.
const SIGNS: [&str; 6] = [
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "STATUS_ALLOC_FAILED",
    "ALLOCATION_FAILED",
    "unable to find an engine to execute this computation",
];

/// Whether a message of libtorch's says that memory ran out.
pub fn says_out_of_memory(message: &str) -> bool {
    SIGNS.iter().any(|sign| message.contains(sign))
}

/// What libtorch said in a panic for want of memory, in one line; none where it was another panic.
pub fn panic_out_of_memory(panic: &(dyn Any + Send)) -> Option<&str> {
    let owned = || panic.downcast_ref::<String>().map(String::as_str);
    let message = panic.downcast_ref::<&str>().copied().or_else(owned)?;
    // tch unwraps: what libtorch said stands within quotes then, its line breaks escaped, with pages of C++ after the first.
    let said = message.split_once("Torch(\"").map_or(message, |(_, said)| said);
    says_out_of_memory(message).then(|| said.split("\\n").next().unwrap_or(said).lines().next().unwrap_or_default())
}

/// Refuses more samples than a computer's memory has room for: its system would end the process, where a GPU only says no.
pub(crate) fn require_room(shape: &[i64], device: Device) -> Result<()> {
    let (n, sample) = (shape[0], shape[1..].iter().product::<i64>());
    let most = spare_memory() / (4 * sample.max(1)) as u64;
    if device != Device::Cpu || n as u64 <= most {
        return Ok(());
    }
    Err(Error::config("number of samples", format!("at most {most}, for which there is memory"), n))
}

/// Runs `f` on a batch of so many samples. Where memory runs out it is [`Error::OutOfMemory`]; other panics go on.
pub(crate) fn within_memory<T>(batch_size: i64, f: impl FnOnce() -> Result<T>) -> Result<T> {
    let out_of_memory = |said: &str| Err(Error::OutOfMemory { batch_size, fits: None, said: said.to_owned() });
    // What `f` had begun to compute is dropped; weights change only after the gradient is whole.
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

/// What `f` makes of `n` samples, of which it takes some: from an index on, so many. It gets `part` of them at a time, and half as
/// many each time that memory runs out; how many it got in the end comes with the result.
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
    fn a_want_of_memory_is_told_from_other_panics() {
        let said = |panic: Box<dyn Any + Send>| panic_out_of_memory(&*panic).map(str::to_owned);
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
            assert_eq!(said(Box::new(message)).as_deref(), Some(sign));
            assert_eq!(said(Box::new(unwrapped)).as_deref(), Some(sign));
        }
        assert_eq!(said(Box::new("shape '[2]' is invalid")), None);
        assert_eq!(said(Box::new(5)), None);
    }
}
