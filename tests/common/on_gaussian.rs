//! Samplers on Gaussian data: every one of them is affine in `x`, so variances, errors and calls have closed forms.
#![allow(dead_code, reason = "each test file uses its part")]

use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

pub fn cosine(timesteps: usize) -> ConstantsManager {
    ConstantsManager::from_betas(&CosineSchedule.betas(timesteps).unwrap(), 1, Device::Cpu).unwrap()
}

/// The variance of the samples of a sampler that keeps nothing from step to step, for data `N(0, variance)`: `V = c^2 V + sigma^2`, where a
/// step takes `x` to `c x + sigma z`.
pub fn variance_of_samples(sampler: &mut dyn Sampler, process: &dyn Process, variance: f64) -> f64 {
    let oracle = GaussianOracle::isotropic(process, &Tensor::zeros([1], DOUBLE), variance);
    let times = sampler.times(process).unwrap();
    let mut step = |x: f64, from: f64, to: f64| {
        tch::manual_seed(1);
        let x = Tensor::from_slice(&[x]).view([1, 1]);
        sampler.step(&oracle, process, &x, from, to).unwrap().x.double_value(&[0, 0])
    };
    tch::manual_seed(1);
    let z = Tensor::randn([1, 1], DOUBLE).double_value(&[0, 0]);
    let mut of_samples = 1.0;
    for pair in times.windows(2) {
        let (of_zero, of_one) = (step(0.0, pair[0], pair[1]), step(1.0, pair[0], pair[1]));
        of_samples = (of_one - of_zero).powi(2) * of_samples + (of_zero / z).powi(2);
    }
    of_samples
}

/// How many times a sampler calls the network in its chain.
pub fn calls_of(sampler: &mut dyn Sampler, process: &dyn Process) -> u64 {
    let oracle = GaussianOracle::isotropic(process, &Tensor::zeros([1], DOUBLE), 0.25);
    let counted = Counted::new(&oracle);
    let none = &mut InferenceLogger::new(InferType::None);
    let _samples = run_chain(sampler, &counted, process, Tensor::ones([1, 1], DOUBLE), none).unwrap();
    counted.calls()
}

/// The relative error of a deterministic sampler for data `N(0, 0.25)`, which takes `x` at the first time to `x sqrt(v_t / v_T)`, at the last time before 0.
pub fn error_on_gaussian(sampler: &mut dyn Sampler, process: &dyn Process) -> f64 {
    let variance = 0.25;
    let oracle = GaussianOracle::isotropic(process, &Tensor::zeros([1], DOUBLE), variance);
    let times = sampler.times(process).unwrap();
    let on_the_way = &times[..times.len() - 1];
    let mut x = Tensor::ones([1, 1], DOUBLE);
    for pair in on_the_way.windows(2) {
        x = sampler.step(&oracle, process, &x, pair[0], pair[1]).unwrap().x;
    }
    let v = |t: f64| process.signal(t).powi(2) * variance + process.noise(t).powi(2);
    let exact = (v(on_the_way[on_the_way.len() - 1]) / v(times[0])).sqrt();
    (x.double_value(&[0, 0]) / exact - 1.0).abs()
}
