//! Where the time of a training step goes, part by part.

use std::hint::black_box;
use std::time::Instant;

use ddpm_tutor::prelude::*;
use tch::Reduction;

use crate::Outcome;
use crate::case::Case;

/// Milliseconds of each part, means over so many steps, as a line. The threads are those that libtorch chooses.
pub fn parts(case: Case, steps: usize) -> Outcome<String> {
    let (base, training) = (case.base(steps), case.training());
    let model = get_model(&base, case.network(), &training)?;
    let dataloader = get_dataloader(&base, &training)?;
    let constants = ConstantsManager::new(&base, &training)?;
    let mut state = TrainingState::new(&model, &base, &training)?;
    let parameters = model.var_store().trainable_variables();

    let mut parts = [("batch", 0.0), ("forward process", 0.0), ("network", 0.0), ("gradient", 0.0), ("optimizer", 0.0)];
    // The first epoch warms up.
    for epoch in 1..=2 {
        parts.iter_mut().for_each(|part| part.1 = 0.0);
        let mut watch = Instant::now();
        let mut lap = |part: usize| {
            if let Device::Cuda(device) = constants.device() {
                tch::Cuda::synchronize(device as i64);
            }
            parts[part].1 += watch.elapsed().as_secs_f64();
            watch = Instant::now();
        };
        for Batch { x0, .. } in dataloader.epoch(epoch) {
            lap(0);
            state.begin_step(dataloader.batches());
            let t = timesteps::Uniform.draw(&constants, x0.size()[0])?;
            let (x_t, eps) = forward_diffusion(&constants, &x0, &t)?;
            lap(1);
            let output = model.forward(&x_t, &t.to_device(x_t.device()), &Given::training());
            let loss = output.mse_loss(&eps, Reduction::Mean);
            lap(2);
            black_box(Tensor::f_run_backward(&[&loss], &parameters, true, false)?);
            lap(3);
            let descent = state.descend("", &loss)?;
            state.end_step(&descent);
            lap(4);
        }
    }
    // What `descend` takes beside the gradient, which it computes once more: clipping, AdamW, the average.
    parts[4].1 -= parts[3].1;
    let told: Vec<String> =
        parts.iter().map(|(name, seconds)| format!("{name} {:.2} ms", seconds / steps as f64 * 1e3)).collect();
    Ok(told.join(", "))
}
