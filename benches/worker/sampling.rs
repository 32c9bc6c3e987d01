//! Drawing samples from a network that has learned nothing: it takes as long.

use std::hint::black_box;
use std::time::Instant;

use ddpm_tutor::prelude::*;

use crate::Outcome;
use crate::case::Case;

pub fn seconds(case: Case, n: i64, timesteps: usize, times: u64) -> Outcome<f64> {
    drawing(case, &SamplerConfig::default(), n, timesteps, times)
}

/// With a sampler that takes equal steps of a process with a thousand of them.
pub fn solving(case: Case, sampler: &str, n: i64, steps: usize, times: u64) -> Outcome<f64> {
    let sampler = SamplerConfig::from_name(sampler)?.with_setting("steps", steps.into())?;
    drawing(case, &sampler, n, 1000, times)
}

fn drawing(case: Case, sampler: &SamplerConfig, n: i64, timesteps: usize, times: u64) -> Outcome<f64> {
    let base = case.base(1);
    let training = TrainingConfig { timesteps, ..case.training() };
    let model = get_model(&base, case.network(), &training)?;
    let constants = ConstantsManager::new(&base, &training)?;
    let started = Instant::now();
    for seed in 0..times {
        let logger = &mut InferenceLogger::new(InferType::None);
        let mut sampler = sampler.sampler();
        let _samples = black_box(generate_samples_with(&mut *sampler, &model, &constants, n, seed, logger)?);
    }
    Ok(started.elapsed().as_secs_f64())
}
