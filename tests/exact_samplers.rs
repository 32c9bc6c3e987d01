//! Samplers on data that is known: on Gaussian data every sampler is affine in `x`, so the variance of its samples follows from step to step.

mod common;

use common::libtorch;
use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn cosine(timesteps: usize) -> ConstantsManager {
    ConstantsManager::from_betas(&NoiseSchedule::Cosine.betas(timesteps).unwrap(), 1, Device::Cpu).unwrap()
}

/// The variance of the samples of a sampler that keeps nothing from step to step, for data `N(0, variance)`: `V = c^2 V + sigma^2`, where a
/// step takes `x` to `c x + sigma z`.
fn variance_of_samples(sampler: &mut dyn Sampler, process: &dyn Process, variance: f64) -> f64 {
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

#[test]
fn ancestral_samples_are_as_wide_as_the_closed_form_says() {
    let _guard = libtorch();
    let constants = cosine(40);
    let table = [(0.04, 1.0973, 0.7266), (0.25, 1.0371, 0.8503), (1.0, 0.9975, 0.8954), (4.0, 0.9546, 0.9016)];
    for (variance, of_beta, of_posterior) in table {
        let ratio =
            |of: ReverseVariance| variance_of_samples(&mut Ancestral { variance: of }, &constants, variance) / variance;
        let (beta, posterior) = (ratio(ReverseVariance::Beta), ratio(ReverseVariance::Posterior));
        assert!((beta - of_beta).abs() < 1e-4 && (posterior - of_posterior).abs() < 1e-4, "{beta} {posterior}");
    }
}

#[test]
fn ddim_samples_are_as_wide_as_the_closed_form_says() {
    let _guard = libtorch();
    let constants = cosine(1000);
    for (variance, expected) in [(0.25, 0.8537), (1.0, 0.8834)] {
        let mut sampler = Ddim { steps: Some(10), eta: 0.0 };
        let share = (variance_of_samples(&mut sampler, &constants, variance) / variance).sqrt();
        assert!((share - expected).abs() < 1e-4, "{share}, expected {expected}");
        // Along a circle, from angle to angle.
        let angle = |t: f64| {
            let alpha_bar = constants.signal(t).powi(2);
            ((1.0 - alpha_bar) / (variance * alpha_bar)).sqrt().atan()
        };
        let times = sampler.times(&constants).unwrap();
        let cosines: f64 = times.windows(2).map(|pair| (angle(pair[1]) - angle(pair[0])).cos()).product();
        let last = constants.signal(1000.0).powi(2) * variance + constants.noise(1000.0).powi(2);
        assert!((share - cosines / last.sqrt()).abs() < 1e-9, "{share}");
    }
}

#[test]
fn with_all_noise_and_all_steps_ddim_is_ancestral_with_the_posteriors_variance() {
    let _guard = libtorch();
    let constants = cosine(40);
    let oracle = GaussianOracle::isotropic(&constants, &Tensor::from_slice(&[0.3, -0.1]), 0.25);
    let draw = |sampler: &mut dyn Sampler| {
        tch::manual_seed(4);
        let noise = Tensor::randn([200, 2], DOUBLE);
        run_chain(sampler, &oracle, &constants, noise, &mut InferenceLogger::new(InferType::None)).unwrap()
    };
    let ddim = draw(&mut Ddim { steps: None, eta: 1.0 });
    let ancestral = draw(&mut Ancestral { variance: ReverseVariance::Posterior });
    assert!((ddim - ancestral).abs().max().double_value(&[]) < 1e-9);
}

/// Every entry of the catalogue.
#[test]
fn a_single_point_is_reached_without_noise_at_the_end_and_a_seed_decides_the_rest() {
    let _guard = libtorch();
    let constants = cosine(40);
    let point = Tensor::from_slice(&[0.4, -0.7]).view([1, 2]);
    let one = MixtureOracle::of_points(&constants, &point).unwrap();
    let wide = GaussianOracle::isotropic(&constants, &point.view([2]), 0.25);
    for entry in SamplerConfig::ENTRIES {
        let config = SamplerConfig::from_name(entry.name).unwrap();
        let draw = |oracle: &dyn Denoiser, seed: i64, kind: Kind| {
            tch::manual_seed(seed);
            let noise = Tensor::randn([50, 2], (kind, Device::Cpu));
            let none = &mut InferenceLogger::new(InferType::None);
            run_chain(&mut *config.build(), oracle, &constants, noise, none).unwrap()
        };
        let furthest = (draw(&one, 1, Kind::Double) - &point).abs().max().double_value(&[]);
        assert!(furthest < 1e-9, "{}: {furthest} from the only point that there is", entry.name);
        assert_eq!(draw(&wide, 1, Kind::Double), draw(&wide, 1, Kind::Double), "{}", entry.name);
        assert_ne!(draw(&wide, 1, Kind::Double), draw(&wide, 2, Kind::Double), "{}", entry.name);
        assert_eq!(draw(&wide, 1, Kind::Float).kind(), Kind::Float, "{}", entry.name);
        let mut sampler = config.build();
        let times = sampler.times(&constants).unwrap();
        let last = times[times.len() - 2];
        let mut end = |seed| {
            tch::manual_seed(seed);
            sampler.step(&wide, &constants, &Tensor::ones([5, 2], DOUBLE), last, 0.0).unwrap().x
        };
        assert_eq!(end(1), end(2), "{}: noise at the last step", entry.name);
    }
}

/// The check above would find a sampler that adds noise at its last step, which is the slip that papers make, too.
#[derive(Debug)]
struct NoisyAtTheEnd;

impl Sampler for NoisyAtTheEnd {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>, Error> {
        Ancestral::default().times(process)
    }

    fn step(&mut self, d: &dyn Denoiser, p: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step, Error> {
        let step = reverse_step(d, p, ReverseVariance::Beta, x, from, to)?;
        let noise = if to == 0.0 { p.noise(from) } else { 0.0 };
        Ok(Step { x: step.x + noise * x.randn_like(), ..step })
    }
}

#[test]
fn a_planted_sampler_that_adds_noise_at_its_last_step_is_found() {
    let _guard = libtorch();
    let constants = cosine(40);
    let point = Tensor::from_slice(&[0.4, -0.7]).view([1, 2]);
    let one = MixtureOracle::of_points(&constants, &point).unwrap();
    let none = &mut InferenceLogger::new(InferType::None);
    let samples = run_chain(&mut NoisyAtTheEnd, &one, &constants, Tensor::randn([50, 2], DOUBLE), none).unwrap();
    assert!((samples - point).abs().max().double_value(&[]) > 1e-3);
    let ratio = variance_of_samples(&mut NoisyAtTheEnd, &constants, 0.25) / 0.25;
    assert!((ratio - 1.0371).abs() > 1e-3, "{ratio}");
}
