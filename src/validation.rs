//! The validation loss: the loss on samples that training never sees, at fixed timesteps and with fixed noise, so that it can
//! be compared from epoch to epoch and from model to model. The training loss cannot: its timesteps change with the batch.

use tch::{Reduction, Tensor, no_grad_guard};

use crate::constants::ConstantsManager;
use crate::error::Result;
use crate::forward::add_noise;
use crate::networks::{Denoiser, check_prediction};
use crate::out_of_memory::predict_in_parts;
use crate::random::{Draws, Stream};

/// Samples that go through the network at a time, at the most.
const BATCH: i64 = 64;

/// `|| eps - eps_theta(x_t, t) ||^2` over all of `x0`, with timesteps spread evenly over `1..=T` and noise that is always the
/// same: 0 is perfect, 1 is what predicting no noise at all gives.
///
/// # Shapes
/// `x0`: `[N, D]` or `[N, C, H, W]`.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where `x0` does not fit the network; [`Error::OutOfMemory`](crate::Error::OutOfMemory)
/// where not even one sample at a time fits.
pub fn validation_loss(model: &dyn Denoiser, constants: &ConstantsManager, x0: &Tensor) -> Result<f64> {
    let _no_grad = no_grad_guard();
    let mut noise = Draws::new(0, Stream::Validation, 0);
    let (samples, timesteps) = (x0.size()[0], constants.timesteps() as i64);
    let t: Vec<i64> = (0..samples).map(|i| 1 + (2 * i + 1) * timesteps / (2 * samples)).collect();
    let t = Tensor::from_slice(&t);
    let mut total = 0.0;
    for start in (0..samples).step_by(BATCH as usize) {
        let batch = |of: &Tensor| of.narrow(0, start, BATCH.min(samples - start));
        let (x0, t) = (batch(x0), batch(&t));
        let eps = noise.normal(&x0.size(), x0.device());
        let x_t = add_noise(constants, &x0, &t, &eps)?;
        let t = t.to_device(x0.device());
        let eps_theta = predict_in_parts(x_t.size()[0], BATCH, |start, len| {
            let (x_t, t) = (x_t.narrow(0, start, len), t.narrow(0, start, len));
            check_prediction(model.predict_noise(&x_t, &t), &x_t)
        })?;
        let loss = eps_theta.mse_loss(&eps, Reduction::Mean);
        total += loss.double_value(&[]) * x0.size()[0] as f64;
    }
    Ok(total / samples as f64)
}
