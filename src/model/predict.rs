//! One pass through a network, with all inputs checked, to compare it with other implementations.

use tch::{Tensor, no_grad_guard};

use super::{Model, check_samples};
use crate::error::{Error, Result};
use crate::networks::{Given, threads_for};
use crate::out_of_memory::in_parts;
use crate::process::Process;

/// `eps_theta(x_t, t)`, the noise that the network predicts in `x_t`, without gradients; in parts if memory does not
/// suffice for all samples at once.
///
/// # Shapes
/// `x_t`: `[N, D]` or `[N, C, H, W]`, f32 or f64; `t`: `[N]`, int64 in `1..=T`, or floating-point, above 0 and up to
/// the end of the process. Returns a tensor shaped like `x_t`.
///
/// # Errors
/// [`Error::Shape`], [`Error::Device`], [`Error::Timestep`] for inputs that do not fit the network;
/// [`Error::Unsupported`] for an `x_t` that is not floating-point; [`Error::OutOfMemory`] if not even a single sample
/// fits.
pub fn predict(model: &Model, process: &dyn Process, x_t: &Tensor, t: &Tensor) -> Result<Tensor> {
    check_samples(model, "x for this network", x_t)?;
    let n = x_t.size()[0];
    if t.size() != [n] {
        let expected = format!("[{n}], one per row of x");
        return Err(Error::Shape { what: "timesteps t", expected, got: t.size() });
    }
    let (_no_grad, _threads) = (no_grad_guard(), threads_for(model));
    let (eps_theta, _) = in_parts(n, n, |start, length| {
        let (x_t, t) = (x_t.narrow(0, start, length), t.narrow(0, start, length));
        Ok(model.denoise_each(process, &x_t, &t, &Given::default())?.eps)
    })?;
    Ok(eps_theta)
}
