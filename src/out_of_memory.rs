//! Out of memory: libtorch's panic becomes an error that says which batch would fit.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tch::{Kind, Reduction, Tensor};

use crate::constants::ConstantsManager;
use crate::error::{Error, Result};
use crate::networks::Denoiser;

/// Whether a message of libtorch's says that memory ran out, on a GPU or a CPU.
pub fn says_out_of_memory(message: &str) -> bool {
    ["out of memory", "can't allocate memory", "not enough memory"].iter().any(|sign| message.contains(sign))
}

/// Runs `f`; `None` where there was too little memory for it. Other panics go on.
pub(crate) fn if_it_fits<T>(f: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
    // What `f` had begun to compute is dropped; weights change only after the gradient is whole.
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Err(Error::Torch(error))) if says_out_of_memory(&error.to_string()) => Ok(None),
        Ok(result) => result.map(Some),
        Err(panic) if says_out_of_memory(message_of(&*panic)) => Ok(None),
        Err(panic) => resume_unwind(panic),
    }
}

/// Runs a training step on a batch of `batch_size`. Where memory is too small for it, the error says which batch would fit.
pub(crate) fn within_memory<T>(
    model: &dyn Denoiser,
    constants: &ConstantsManager,
    batch_size: i64,
    step: impl FnOnce() -> Result<T>,
) -> Result<T> {
    if_it_fits(step)?.ok_or_else(|| batch_too_large(model, constants, batch_size))
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let owned = || panic.downcast_ref::<String>().map(String::as_str);
    panic.downcast_ref::<&str>().copied().or_else(owned).unwrap_or_default()
}

/// Tries smaller batches, each half as large, with a gradient as training takes it.
fn batch_too_large(model: &dyn Denoiser, constants: &ConstantsManager, batch_size: i64) -> Error {
    let device = model.var_store().device();
    let fits = |n: &i64| {
        let mut shape = vec![*n];
        shape.extend(model.sample_shape());
        let step = || {
            let x_t = Tensor::f_zeros(&shape[..], (Kind::Float, device))?;
            let loss =
                model.predict_noise_in_training(&x_t, &constants.same_timestep(1, *n)).mse_loss(&x_t, Reduction::Mean);
            Ok(Tensor::f_run_backward(&[loss], &model.var_store().trainable_variables(), false, false)?)
        };
        matches!(if_it_fits(step), Ok(Some(_)))
    };
    let halves = std::iter::successors(Some(batch_size / 2), |n| Some(n / 2)).take_while(|n| *n >= 1);
    Error::OutOfMemory { batch_size, fits: { halves }.find(fits) }
}
