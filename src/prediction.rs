//! One look through a network, with everything about its inputs checked: for comparing with other implementations.

use tch::{Kind, Tensor, no_grad_guard};

use crate::constants::ConstantsManager;
use crate::error::{Error, Result};
use crate::networks::{Denoiser, check_fits, check_prediction, threads_for};
use crate::out_of_memory::predict_in_parts;

/// `eps_theta(x_t, t)`, without gradients; in parts where memory does not suffice for all samples at once.
///
/// # Shapes
/// `x_t`: `[N, D]` or `[N, C, H, W]`, f32; `t`: `[N]` int64 in `1..=T`. Returns a tensor shaped like `x_t`.
///
/// # Errors
/// [`Error::Shape`], [`Error::Device`], [`Error::Timestep`] for inputs that the network cannot take;
/// [`Error::Unsupported`] for an `x_t` that is not f32; [`Error::OutOfMemory`] where not even one sample at a time fits.
pub fn predict(model: &dyn Denoiser, constants: &ConstantsManager, x_t: &Tensor, t: &Tensor) -> Result<Tensor> {
    check_fits(model, "x for this network", x_t)?;
    if x_t.kind() != Kind::Float {
        return Err(Error::Unsupported(format!("x: expected f32, got {:?}; convert it with to_kind", x_t.kind())));
    }
    let n = x_t.size()[0];
    if t.size() != [n] {
        let expected = format!("[{n}], one a row of x");
        return Err(Error::Shape { what: "timesteps t", expected, got: t.size() });
    }
    constants.check_timesteps(t)?;
    let (_no_grad, _threads) = (no_grad_guard(), threads_for(model));
    predict_in_parts(n, n, |start, len| {
        let (x_t, t) = (x_t.narrow(0, start, len), t.narrow(0, start, len));
        check_prediction(model.predict_noise(&x_t, &t), &x_t)
    })
}
