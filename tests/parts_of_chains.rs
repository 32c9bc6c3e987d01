//! Codes, truncated chains, and chains that end with one denoising step, on data that is known.

mod common;

use common::libtorch;
use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn cosine(timesteps: usize) -> ConstantsManager {
    ConstantsManager::from_betas(&CosineSchedule.betas(timesteps).unwrap(), 1, Device::Cpu).unwrap()
}

fn largest(difference: &Tensor) -> f64 {
    difference.abs().max().double_value(&[])
}

fn with_steps(name: &str, steps: usize) -> SamplerConfig {
    let settings = serde_json::json!({ "name": name, "steps": steps, "layout": "log-snr" });
    serde_json::from_value(settings).unwrap()
}

/// The ODE takes data of variance `s^2` at `x_0` to `x_0 sqrt(v_T) / s`.
#[test]
fn the_code_of_gaussian_data_is_that_of_the_closed_form_and_leads_back() {
    let _guard = libtorch();
    let (vp, variance) = (Vp::default(), 0.25_f64);
    let oracle = GaussianOracle::isotropic(&vp, &Tensor::zeros([1], DOUBLE), variance);
    let none = &mut InferenceLogger::new(InferType::None);
    let x_0 = Tensor::from_slice(&[0.3, -0.8, 0.0]).view([3, 1]);
    let end = vp.signal(1.0).powi(2) * variance + vp.noise(1.0).powi(2);
    let exact = &x_0 * (end / variance).sqrt();
    for entry in SamplerConfig::ENTRIES {
        if !SamplerConfig::from_name(entry.name).unwrap().is_deterministic() {
            continue;
        }
        let [mut of_code, mut of_return] = [Vec::new(), Vec::new()];
        for steps in [50, 100] {
            let config = with_steps(entry.name, steps);
            let code = encode(&mut *config.sampler(), &oracle, &vp, x_0.copy(), none).unwrap();
            of_code.push(largest(&(&code - &exact)));
            let back = run_chain(&mut *config.sampler(), &oracle, &vp, code, none).unwrap();
            of_return.push(largest(&(back - &x_0)));
        }
        // The step from the data is of first order, and short.
        let least = if entry.name == "ddim" { 1.8 } else { 2.5 };
        assert!(of_code[1] < 0.06 && of_return[1] < 0.06, "{}: {of_code:?} {of_return:?}", entry.name);
        assert!(of_code[0] / of_code[1] > least || of_code[1] < 1e-3, "{}: {of_code:?}", entry.name);
    }
}

/// Where a chain of samples of the true `x_t` starts makes no difference to its samples.
#[test]
fn a_truncated_chain_draws_the_same_from_true_samples_wherever_it_starts() {
    let _guard = libtorch();
    let (constants, variance) = (cosine(200), 0.25);
    let oracle = GaussianOracle::isotropic(&constants, &Tensor::from_slice(&[0.3]), variance);
    let none = &mut InferenceLogger::new(InferType::None);
    let mut drawn = |start: f64| {
        tch::manual_seed(6);
        let (a, s) = (constants.signal(start), constants.noise(start));
        let true_x =
            a * (0.3 + variance.sqrt() * Tensor::randn([100_000, 1], DOUBLE)) + s * Tensor::randn([100_000, 1], DOUBLE);
        let mut sampler = Truncated::new(Box::new(Ancestral::default()), start);
        let samples = run_chain(&mut sampler, &oracle, &constants, true_x, none).unwrap();
        (samples.mean(Kind::Double).double_value(&[]), samples.var(true).double_value(&[]))
    };
    for start in [200.0, 120.0, 40.0, 10.0] {
        let (mean, of_samples) = drawn(start);
        assert!(
            (mean - 0.3).abs() < 0.01 && (of_samples / variance - 1.0).abs() < 0.02,
            "{start}: {mean} {of_samples}"
        );
    }
    // From the end it is the sampler itself.
    let noise = Tensor::randn([5, 1], DOUBLE);
    let mut draw = |sampler: &mut dyn Sampler| {
        tch::manual_seed(1);
        run_chain(sampler, &oracle, &constants, noise.copy(), none).unwrap()
    };
    let whole = draw(&mut Ancestral::default());
    assert_eq!(draw(&mut Truncated::new(Box::new(Ancestral::default()), 200.0)), whole);
    let refused = Truncated::new(Box::new(Ancestral::default()), 201.0).times(&constants).unwrap_err().to_string();
    assert!(refused.contains("at most 200") && refused.contains("201"), "{refused}");
}

/// The last step predicts the mean of the data, so what is left out of the variance is the variance that `x_0` has at that time.
#[test]
fn a_chain_that_is_denoised_early_lacks_the_variance_that_the_left_out_steps_generate() {
    let _guard = libtorch();
    let (constants, variance) = (cosine(200), 0.25_f64);
    let oracle = GaussianOracle::isotropic(&constants, &Tensor::zeros([1], DOUBLE), variance);
    let none = &mut InferenceLogger::new(InferType::None);
    for last in [100.0, 30.0, 3.0] {
        let mut sampler = DenoisedFrom::new(Box::new(Ancestral::default()), last);
        let times = sampler.times(&constants).unwrap();
        assert_eq!(times[times.len() - 2..], [last, 0.0]);
        let ddim = Ddim { steps: Some(10), ..Default::default() };
        let few = DenoisedFrom::new(Box::new(ddim), last).times(&constants).unwrap();
        assert_eq!(few[few.len() - 2..], [last, 0.0]);
        tch::manual_seed(2);
        let samples = run_chain(&mut sampler, &oracle, &constants, Tensor::randn([100_000, 1], DOUBLE), none).unwrap();
        let v = constants.signal(last).powi(2) * variance + constants.noise(last).powi(2);
        let expected = (constants.signal(last) * variance).powi(2) / v;
        let found = samples.var(true).double_value(&[]);
        assert!((found / expected - 1.0).abs() < 0.03, "from {last}: {found}, expected {expected}");
    }
    // From the first step on nothing is left out.
    let noise = Tensor::randn([5, 1], DOUBLE);
    let mut draw = |sampler: &mut dyn Sampler| {
        tch::manual_seed(1);
        run_chain(sampler, &oracle, &constants, noise.copy(), none).unwrap()
    };
    let whole = draw(&mut Ancestral::default());
    assert_eq!(draw(&mut DenoisedFrom::new(Box::new(Ancestral::default()), 1.0)), whole);
}

/// A chain is given samples that are less noisy than its first time says: those of time 0.6 instead of 1.
#[test]
fn a_chain_that_estimates_its_noise_is_put_right() {
    let _guard = libtorch();
    let (vp, variance) = (Vp::default(), 0.25_f64);
    let oracle = GaussianOracle::isotropic(&vp, &Tensor::zeros([1], DOUBLE), variance);
    let none = &mut InferenceLogger::new(InferType::None);
    let of_samples = |t: f64| vp.signal(t).powi(2) * variance + vp.noise(t).powi(2);
    tch::manual_seed(1);
    let start = Tensor::randn([20_000, 1], DOUBLE);
    for t in [0.2, 0.6, 0.9] {
        let found = time_of_mean_square(&vp, variance, &(&start * of_samples(t).sqrt()));
        assert!((of_samples(found) / of_samples(t) - 1.0).abs() < 0.02, "{found} instead of {t}");
    }
    let disturbed = || &start * of_samples(0.2).sqrt();
    let ddim = Ddim { steps: Some(100), ..Default::default() };
    let of = |samples: Tensor| samples.var(false).double_value(&[]) / variance;
    let trusting = of(run_chain(&mut ddim.clone(), &oracle, &vp, disturbed(), none).unwrap());
    let mut estimated =
        NoiseEstimated::new(ddim, move |process: &dyn Process, x: &Tensor| time_of_mean_square(process, 0.25, x));
    let right = of(run_chain(&mut estimated, &oracle, &vp, disturbed(), none).unwrap());
    assert!(
        (right - 1.0).abs() < 0.05 && (trusting - 1.0).abs() > 0.3,
        "{right} and {trusting} of the data's variance"
    );
}

/// FastDPM's continuous steps: for the linear schedule, the products of the alphas are ratios of Gamma functions, which are defined between the
/// steps, too. Kong & Ping 2021, section 3.1. Here the logarithm of the signal-to-noise ratio is interpolated linearly instead.
#[test]
fn between_its_steps_a_linear_schedule_is_that_of_the_gamma_function() {
    let betas = LinearSchedule.betas(1000).unwrap();
    let process = ConstantsManager::from_betas(&betas, 1, Device::Cpu).unwrap();
    let slope = betas[1] - betas[0];
    let c = (1.0 - betas[0]) / slope;
    let ln_gamma = |x: f64| Tensor::from_slice(&[x]).lgamma().double_value(&[0]);
    for t in [10.0, 57.5, 300.25, 700.9, 999.5] {
        let alpha_bar = (t * slope.ln() + ln_gamma(c + 1.0) - ln_gamma(c - t + 1.0)).exp();
        let error = process.signal(t).powi(2) / alpha_bar - 1.0;
        assert!(error.abs() < 2e-4, "t = {t}: {error}");
    }
}
