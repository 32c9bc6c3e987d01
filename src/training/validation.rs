//! The validation loss: the loss on samples that training never sees, at fixed timesteps and with fixed noise, so that
//! it can be compared between epochs and models. The training loss cannot be compared, since its timesteps change with
//! the batch.

use tch::{Kind, Tensor, no_grad_guard};

use crate::error::Result;
use crate::model::Model;
use crate::networks::Given;
use crate::objectives::{Batch, squared_error};
use crate::out_of_memory::in_parts;
use crate::process::{Process, add_noise, fixed_noise};
use crate::random::{Draws, Stream};

/// The most samples that pass through the network at a time.
const BATCH: i64 = 64;

/// `|| eps - eps_theta(x_t, t) ||^2` over all of the data, with times spread evenly over the process (over the logarithm
/// of its signal-to-noise ratio if it has no steps) and the same noise every time: 0 is perfect, 1 is the loss of
/// predicting no noise. It is the error of the noise whatever the network predicts, so models with different
/// parameterizations can be compared.
///
/// # Shapes
/// `x_0` of the data: `[N, D]` or `[N, C, H, W]`.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if the data does not fit the network;
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory) if not even a single sample fits.
pub fn validation_loss(model: &Model, process: &dyn Process, held_out: &Batch) -> Result<f64> {
    let _no_grad = no_grad_guard();
    let mut noise = Draws::new(0, Stream::Validation, 0);
    let samples = held_out.x0.size()[0];
    let t = spread_times(process, samples);
    let mut total = 0.0;
    for start in (0..samples).step_by(BATCH as usize) {
        let (batch, t) =
            (held_out.narrow(start, BATCH.min(samples - start)), t.narrow(0, start, BATCH.min(samples - start)));
        let eps = fixed_noise(process, &t, &batch.x0, &mut noise)?;
        let x_t = add_noise(process, &batch.x0, &t, &eps)?;
        let label = batch.label.filter(|_| model.classes() > 0);
        let given = Given { label, ..Given::default() };
        let (loss, _) = in_parts(x_t.size()[0], BATCH, |start, length| {
            let part = |of: &Tensor| of.narrow(0, start, length);
            let seen = model.denoise_each(process, &part(&x_t), &part(&t), &given.narrow(start, length))?;
            Ok(squared_error(&seen.eps, &part(&eps)))
        })?;
        total += loss.sum(Kind::Float).double_value(&[]);
    }
    Ok(total / samples as f64)
}

/// The range of the logarithm of the signal-to-noise ratio that tests a model: outside it there is only noise, or none.
const LOG_SNRS: [f64; 2] = [-10.0, 15.0];

/// `n` evenly spread times: steps if the process has them, otherwise by the logarithm of the signal-to-noise ratio.
fn spread_times(process: &dyn Process, n: i64) -> Tensor {
    match process.steps() {
        Some(steps) => {
            Tensor::from_slice(&(0..n).map(|i| 1 + (2 * i + 1) * steps as i64 / (2 * n)).collect::<Vec<i64>>())
        }
        None => {
            let [least, most] = LOG_SNRS;
            let last = process.log_snr(process.end()).max(least);
            let first = process.log_snr(process.first_time()).min(most);
            let log_snr = |i: i64| first + (last - first) * (2 * i + 1) as f64 / (2 * n) as f64;
            Tensor::from_slice(&(0..n).map(|i| process.time_of_log_snr(log_snr(i))).collect::<Vec<f64>>())
        }
    }
}
