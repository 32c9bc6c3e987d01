//! The search for the times of a sampler, on data whose denoiser is known: what it finds, and what that does for the samples.

mod common;

use std::ops::ControlFlow;

use common::libtorch;
use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn cosine(timesteps: usize) -> ConstantsManager {
    ConstantsManager::from_betas(&CosineSchedule.betas(timesteps).unwrap(), 1, Device::Cpu).unwrap()
}

/// The mean squared error of the perfect denoiser of `N(0, variance)` at each time: the posterior's variance.
fn errors_on_gaussian(process: &dyn Process, times: &[f64], variance: f64) -> Vec<f64> {
    let error = |t: &f64| {
        let (signal, noise) = (process.signal(*t).powi(2), process.noise(*t).powi(2));
        variance * noise / (signal * variance + noise)
    };
    times.iter().map(error).collect()
}

fn loss_on_gaussian(process: &dyn Process, layout: &StepLayoutConfig, steps: usize, variance: f64, width: f64) -> f64 {
    let times = layout.times(process, Some(steps)).unwrap();
    diffusion_loss(process, &times, &errors_on_gaussian(process, &times, variance), width).unwrap()
}

/// The standard deviation of samples of `N(0, variance)` in units of the data's, from step to step: a step of DDIM takes
/// `x` to `c x + sigma z`.
fn spread(process: &dyn Process, times: &[f64], variance: f64, eta: f64) -> f64 {
    let mut of_samples = 1.0;
    for pair in times.windows(2) {
        let (a, s) = (process.signal(pair[0]), process.noise(pair[0]));
        let (a_after, s_after) = (process.signal(pair[1]), process.noise(pair[1]));
        let added = s * s - (a / a_after * s_after).powi(2);
        let sigma = eta * s_after / s * added.max(0.0).sqrt();
        let data = a * variance / (a * a * variance + s * s);
        let c = a_after * data + (s_after * s_after - sigma * sigma).max(0.0).sqrt() * (1.0 - a * data) / s;
        of_samples = c * c * of_samples + sigma * sigma;
    }
    (of_samples / variance).sqrt()
}

#[test]
fn the_errors_of_a_perfect_denoiser_are_the_variance_that_is_left() {
    let _guard = libtorch();
    let (mean, variance) = (Tensor::from_slice(&[0.3, -0.2]), 0.25_f64);
    tch::manual_seed(1);
    let data = &mean + variance.sqrt() * Tensor::randn([20_000, 2], DOUBLE);
    for process in [&cosine(40) as &dyn Process, &Vp::default(), &Flow] {
        let oracle = GaussianOracle::isotropic(process, &mean, variance);
        let times = StepLayoutConfig::from(Quadratic).times(process, Some(8)).unwrap();
        // Without signal, the oracle predicts the mean.
        let found = denoising_errors(&oracle, process, &data, &times, 3).unwrap();
        for (found, expected) in found.iter().zip(errors_on_gaussian(process, &times, variance)) {
            assert!((found - 2.0 * expected).abs() <= 0.04 * expected, "{found}, expected {}", 2.0 * expected);
        }
        assert_eq!(found, denoising_errors(&oracle, process, &data, &times, 3).unwrap());
        let single = denoising_errors(&oracle, process, &data.to_kind(Kind::Float), &times, 3).unwrap();
        assert!(found.iter().zip(&single).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?} {single:?}");
    }
    let (constants, none) = (cosine(40), data.narrow(0, 0, 0));
    let oracle = GaussianOracle::isotropic(&constants, &mean, variance);
    assert!(denoising_errors(&oracle, &constants, &none, &[1.0], 0).is_err());
    assert!(denoising_errors(&oracle, &constants, &data, &[41.0], 0).is_err());
}

/// Every path through a grid of ten times, for errors that have no order.
#[test]
fn the_best_path_is_the_best_of_all() {
    let constants = cosine(40);
    let grid = StepLayoutConfig::from(Quadratic).times(&constants, Some(9)).unwrap();
    for seed in 0..5 {
        let errors: Vec<f64> = (0..10).map(|i| (f64::from(i * i + 7 * seed + 1) * 1.7).sin().powi(2)).collect();
        for steps in 1..=9 {
            let found = best_path(&constants, &grid, &errors, steps, 0.03).unwrap();
            // The inner times of a path are the bits that are set.
            let losses = (0_u32..1 << 8).filter(|inner| inner.count_ones() as usize == steps - 1).map(|inner| {
                let on_path = |i: &usize| *i == 0 || *i == 9 || inner >> (i - 1) & 1 == 1;
                let (times, errors): (Vec<f64>, Vec<f64>) =
                    (0..10).filter(on_path).map(|i| (grid[i], errors[i])).unzip();
                diffusion_loss(&constants, &times, &errors, 0.03).unwrap()
            });
            let least = losses.fold(f64::INFINITY, f64::min);
            assert!((found.loss - least).abs() < 1e-9 * least, "{steps} steps: {} and {least}", found.loss);
            let of_times: Vec<f64> =
                found.times.iter().map(|t| errors[grid.iter().position(|at| at == t).unwrap()]).collect();
            let again = diffusion_loss(&constants, &found.times, &of_times, 0.03).unwrap();
            assert!(found.times.len() == steps + 1 && (again - found.loss).abs() < 1e-9 * least, "{found:?}");
        }
        assert_eq!(best_path(&constants, &grid, &errors, 9, 0.03).unwrap().times, grid);
    }
}

/// VDM: with more and more times, the loss falls to a limit that depends only on the ends of the signal-to-noise ratio.
#[test]
fn the_loss_falls_with_the_steps_to_the_limit_and_is_below_that_of_other_layouts() {
    let (constants, vp, variance, width) = (cosine(1000), Vp::default(), 0.25, 0.01_f64);
    for (process, layout) in [(&constants as &dyn Process, StepLayoutConfig::from(Trailing)), (&vp, LogSnr.into())] {
        let grid = layout.times(process, Some(250)).unwrap();
        let errors = errors_on_gaussian(process, &grid, variance);
        let snr_at_end = process.log_snr(process.end()).exp();
        let limit = 0.5 * ((1.0 + variance / width.powi(2)) / (1.0 + variance * snr_at_end)).ln();
        let mut before = f64::INFINITY;
        for steps in [1, 2, 3, 5, 10, 20, 40] {
            let BestPath { times, loss } = best_path(process, &grid, &errors, steps, width).unwrap();
            assert!(limit < loss && loss < before, "{steps} steps: {loss} after {before}, limit {limit}");
            before = loss;
            for other in [StepLayoutConfig::from(Trailing), Quadratic.into(), LogSnr.into(), Karras::default().into()] {
                let of_other = loss_on_gaussian(process, &other, steps, variance, width);
                let beaten = steps == 1 || loss < of_other;
                assert!(beaten, "{steps} steps: {loss}, but {of_other} of {}", other.name());
            }
            let layout = Knots::through(process, &times).unwrap();
            let mut ddim = Ddim { steps: Some(steps), layout: layout.into(), eta: 0.0 };
            let visited = ddim.times(process).unwrap();
            assert!(visited.iter().zip(&times).all(|(a, b)| (a - b).abs() < 1e-15 * process.end()), "{visited:?}");
        }
    }
    let fine = loss_on_gaussian(&vp, &LogSnr.into(), 20_000, variance, width);
    // The last step, from a thousandth of the process, stays as long as it is.
    assert!(3.9122 < fine && fine < 3.9172, "{fine}");
}

/// Watson et al. 2021 observe it on images, and here it is exact: the lower loss of the best path is paid with samples that vary less.
#[test]
fn a_better_bound_does_not_imply_better_samples() {
    let (constants, variance, width) = (cosine(1000), 0.25, 0.01);
    let grid = StepLayoutConfig::from(Trailing).times(&constants, Some(500)).unwrap();
    let errors = errors_on_gaussian(&constants, &grid, variance);
    let best = best_path(&constants, &grid, &errors, 10, width).unwrap();
    let (quadratic, other) = (StepLayoutConfig::from(Quadratic), 9.64);
    let loss = loss_on_gaussian(&constants, &quadratic, 10, variance, width);
    assert!((best.loss - 5.948).abs() < 2e-3 && (loss - other).abs() < 5e-3, "{} {loss}", best.loss);
    let times = quadratic.times(&constants, Some(10)).unwrap();
    for (eta, of_best, of_quadratic) in [(0.0, 0.634, 0.873), (1.0, 0.673, 0.795)] {
        let (found, other) =
            (spread(&constants, &best.times, variance, eta), spread(&constants, &times, variance, eta));
        assert!((found - of_best).abs() < 1e-3 && (other - of_quadratic).abs() < 1e-3, "{eta}: {found} {other}");
    }
    // For narrower data that counts up to less of its width, the same search finds times that are better by both measures.
    let (variance, width) = (0.01, 0.03);
    let best = best_path(&constants, &grid, &errors_on_gaussian(&constants, &grid, variance), 5, width).unwrap();
    let times = quadratic.times(&constants, Some(5)).unwrap();
    for (eta, of_best, of_quadratic) in [(0.0, 0.686, 0.656), (1.0, 0.721, 0.568)] {
        let (found, other) =
            (spread(&constants, &best.times, variance, eta), spread(&constants, &times, variance, eta));
        assert!((found - of_best).abs() < 1e-3 && (other - of_quadratic).abs() < 1e-3, "{eta}: {found} {other}");
    }
}

#[test]
fn searches_say_what_they_expect() {
    let vp = Vp::default();
    let grid = [1.0, 0.5, 0.0];
    let message = |grid: &[f64], errors: &[f64], steps, width| {
        best_path(&vp, grid, errors, steps, width).unwrap_err().to_string()
    };
    let good = [1.0, 0.5, 0.0];
    assert!(message(&grid, &good, 0, 0.1).contains("1 to 2, those of the grid"));
    assert!(message(&grid, &good, 3, 0.1).contains("1 to 2, those of the grid"));
    assert!(message(&grid, &good[1..], 1, 0.1).contains("expected 3, one for each time, got 2"));
    assert!(message(&grid, &[1.0, -0.5, 0.0], 1, 0.1).contains("at least 0, got -0.5"));
    assert!(message(&grid, &[f64::NAN; 3], 1, 0.1).contains("got NaN"));
    assert!(message(&grid, &good, 1, 0.0).contains("width of the data: expected above 0"));
    for wrong in [&[0.5, 1.0, 0.0][..], &[0.9, 0.5, 0.0], &[1.0, 0.5, 0.1], &[0.0], &[]] {
        assert!(
            message(wrong, &vec![1.0; wrong.len()], 1, 0.1).contains("decrease from the end, 1, to 0"),
            "{wrong:?}"
        );
    }
}

const NOISE: f64 = 0.1;

/// `n` points of eight Gaussians.
fn eight_gaussians(n: i64, seed: i64) -> Tensor {
    tch::manual_seed(seed);
    let which = Tensor::randint(8, [n], (Kind::Int64, Device::Cpu));
    let means = Tensor::from_slice(&EightGaussians::centres().concat()).view([8, 2]);
    means.index_select(0, &which) + NOISE * Tensor::randn([n, 2], DOUBLE)
}

fn oracle_of_eight(process: &dyn Process) -> MixtureOracle<'_> {
    let means = Tensor::from_slice(&EightGaussians::centres().concat()).view([8, 2]);
    MixtureOracle::of_gaussians(process, &means, &[NOISE * NOISE; 8], &[1.0; 8]).unwrap()
}

fn noise(n: i64, seed: i64) -> Tensor {
    tch::manual_seed(seed);
    Tensor::randn([n, 2], DOUBLE)
}

/// MMD and sliced Wasserstein distance of 4,000 samples from noise that the search has not seen.
fn quality(sampler: &SamplerConfig, process: &dyn Process) -> (f64, f64) {
    let (data, noise) = (eight_gaussians(4_000, 2), noise(4_000, 4));
    tch::manual_seed(9);
    let none = &mut InferenceLogger::new(InferType::None);
    let samples = run_chain(&mut *sampler.sampler(), &oracle_of_eight(process), process, noise, none).unwrap();
    let mmd = Mmd::fitted(&data.narrow(0, 0, 1_000)).unwrap();
    (mmd.compare(&samples, &data).unwrap(), sliced_wasserstein(&samples, &data, 0).unwrap())
}

#[test]
fn learned_times_draw_better_samples_from_fresh_noise() {
    let _guard = libtorch();
    for (process, of_mmd, of_distance) in [(&Vp::default() as &dyn Process, 10.0, 3.0), (&cosine(1000), 2.5, 1.4)] {
        let oracle = oracle_of_eight(process);
        let equal = SamplerConfig::from(Ddim { steps: Some(5), ..Default::default() });
        let learned = LearnedTimes { iterations: 30, ..LearnedTimes::new(equal.clone(), 5) };
        let found = learned
            .learn(&oracle, process, &eight_gaussians(600, 1), &noise(600, 3), &mut |_, _| ControlFlow::Continue(()));
        let TimesFound { times, sampler, losses } = found.unwrap();
        assert!(losses.len() == 31 && times.len() == 6 && times[0] == process.end() && times[5] == 0.0, "{times:?}");
        assert_eq!(sampler.sampler().times(process).unwrap(), times);
        let layout = Knots::through(process, &times).unwrap();
        let by_hand = SamplerConfig::from(Ddim { steps: Some(5), layout: layout.into(), eta: 0.0 });
        let (before, after) = (quality(&equal, process), quality(&by_hand, process));
        assert!(after.0 < before.0 / of_mmd && after.1 < before.1 / of_distance, "{before:?} to {after:?}");
    }
}

#[test]
fn any_sampler_with_steps_learns_and_the_seed_determines_what() {
    let _guard = libtorch();
    let process = Vp::default();
    let (oracle, data, noise) = (oracle_of_eight(&process), eight_gaussians(200, 1), noise(200, 3));
    let learn =
        |learned: &LearnedTimes| learned.learn(&oracle, &process, &data, &noise, &mut |_, _| ControlFlow::Continue(()));
    let short = |sampler: SamplerConfig| LearnedTimes { iterations: 3, ..LearnedTimes::new(sampler, 4) };
    for sampler in [Ancestral::default().into(), SamplerConfig::from_name("dpm-solver++2m").unwrap()] {
        let (one, again) = (learn(&short(sampler.clone())).unwrap(), learn(&short(sampler.clone())).unwrap());
        assert!(one == again && one.losses[3] < one.losses[0], "{one:?}");
    }
    // At 0 iterations, the times are those of the sampler's own layout.
    let quadratic = Ddim { layout: Quadratic.into(), ..Default::default() };
    let found = learn(&LearnedTimes { iterations: 0, ..LearnedTimes::new(quadratic, 4) }).unwrap();
    let expected = StepLayoutConfig::from(Quadratic).times(&process, Some(4)).unwrap();
    assert!(found.times.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{:?}", found.times);
    let mut seen = 0;
    let mut twice = |i: usize, _: f64| {
        seen = i;
        if i == 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let stopped = short(Ddim::default().into()).learn(&oracle, &process, &data, &noise, &mut twice).unwrap();
    assert!(stopped.losses.len() == 2 && seen == 1);

    let message = |learned: &LearnedTimes| learn(learned).unwrap_err().to_string();
    let ddim = || short(Ddim::default().into());
    assert!(message(&LearnedTimes { learning_rate: 0.0, ..ddim() }).contains("learning_rate: expected above 0"));
    let recall = MetricConfig::from_name("recall").unwrap();
    assert!(message(&LearnedTimes { metric: recall, ..ddim() }).contains("lower values are better, got recall"));
    assert!(message(&LearnedTimes { steps: 0, ..ddim() }).contains("at least 1, got 0"));
}
