//! The steps of the forward process that are shown, and `x_t` at one of them.

use tch::Tensor;

use crate::error::Result;
use crate::process::ConstantsManager;
use crate::process::add_noise;
use crate::random::{Draws, Stream};

/// `count` steps from 0 to `timesteps`, close together at first: that is where the shape goes.
pub(super) fn early_steps(timesteps: usize, count: usize) -> Vec<usize> {
    let gaps = count - 1;
    let mut steps: Vec<usize> = (0..count).map(|i| i * i * timesteps / (gaps * gaps)).collect();
    steps.dedup();
    steps
}

/// `x_t`, also for `t = 0`. The noise is the same for every `t`, so that panels differ in `t` alone.
pub(super) fn noised(constants: &ConstantsManager, x0: &Tensor, t: usize) -> Result<Tensor> {
    if t == 0 {
        return Ok(x0.shallow_clone());
    }
    let eps = Draws::new(0, Stream::Picture, 0).normal(&x0.size(), x0.device());
    add_noise(constants, x0, &constants.same_timestep(t, x0.size()[0]), &eps)
}
