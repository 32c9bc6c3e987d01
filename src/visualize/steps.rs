//! The steps of the forward process to show, and `x_t` at a step.

use tch::Tensor;

use crate::error::Result;
use crate::process::{Level, Process, fixed_noise};
use crate::random::{Draws, Stream};

/// `count` steps from 0 to `timesteps`, denser at the beginning, where the shape disappears.
pub(super) fn early_steps(timesteps: usize, count: usize) -> Vec<usize> {
    let gaps = count - 1;
    let mut steps: Vec<usize> = (0..count).map(|i| i * i * timesteps / (gaps * gaps)).collect();
    steps.dedup();
    steps
}

/// `x_t`, also for `t = 0`. The noise is the same for every `t`, so that panels differ only in `t`.
pub(super) fn noised(process: &dyn Process, x0: &Tensor, t: f64) -> Result<Tensor> {
    if t == 0.0 {
        return Ok(x0.shallow_clone());
    }
    let eps = fixed_noise(process, &Tensor::from(t), x0, &mut Draws::new(0, Stream::Picture, 0))?;
    let Level { signal, noise, .. } = Level::at(process, t, x0)?;
    Ok(&signal * x0 + &noise * &eps)
}
