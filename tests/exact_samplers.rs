//! Samplers on data that is known: variances, errors and special cases in closed form.

mod common;
#[path = "common/on_gaussian.rs"]
mod on_gaussian;

use common::libtorch;
use ddpm_tutor::prelude::*;
use on_gaussian::{calls_of, cosine, error_on_gaussian, variance_of_samples};

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

#[test]
fn ancestral_samples_are_as_wide_as_the_closed_form_says() {
    let _guard = libtorch();
    let constants = cosine(40);
    let table = [(0.04, 1.0973, 0.7266), (0.25, 1.0371, 0.8503), (1.0, 0.9975, 0.8954), (4.0, 0.9546, 0.9016)];
    for (variance, of_beta, of_posterior) in table {
        let ratio = |of: ReverseVariance| {
            variance_of_samples(&mut Ancestral::with_variance(of), &constants, variance) / variance
        };
        let (beta, posterior) = (ratio(ReverseVariance::Beta), ratio(ReverseVariance::Posterior));
        assert!((beta - of_beta).abs() < 1e-4 && (posterior - of_posterior).abs() < 1e-4, "{beta} {posterior}");
    }
}

#[test]
fn strided_ancestral_samples_are_as_wide_as_the_closed_form_says() {
    let _guard = libtorch();
    let constants = cosine(1000);
    let share = |variance: ReverseVariance| {
        let mut strided = Ancestral { steps: Some(10), variance, ..Default::default() };
        (variance_of_samples(&mut strided, &constants, 0.25) / 0.25).sqrt()
    };
    let [beta, posterior, between] =
        [ReverseVariance::Beta, ReverseVariance::Posterior, ReverseVariance::Interpolated].map(share);
    assert!((beta - 1.0434).abs() < 1e-4 && (posterior - 0.7773).abs() < 1e-4, "{beta} {posterior}");
    assert!(posterior < between && between < beta, "{between}");
    // All steps, counted out, are the steps of Algorithm 2 to the last bit.
    let oracle = GaussianOracle::isotropic(&constants, &Tensor::zeros([2], DOUBLE), 0.25);
    let draw = |steps| {
        tch::manual_seed(4);
        let (noise, none) = (Tensor::randn([20, 2], DOUBLE), &mut InferenceLogger::new(InferType::None));
        run_chain(&mut Ancestral { steps, ..Default::default() }, &oracle, &constants, noise, none).unwrap()
    };
    assert_eq!(draw(None), draw(Some(1000)));
}

/// On Gaussian data the reverse step is Gaussian, with the variance `beta u / ( alpha u + beta )`, where `u` is that of `x_{t-1}`. So a chain
/// with this variance is exact, however few its steps are.
#[test]
fn the_analytic_variance_is_that_of_gaussian_data_and_makes_any_number_of_steps_exact() {
    let _guard = libtorch();
    let (constants, variance) = (cosine(1000), 0.25);
    let oracle = GaussianOracle::isotropic(&constants, &Tensor::zeros([1], DOUBLE), variance);
    let v = |t: f64| constants.signal(t).powi(2) * variance + constants.noise(t).powi(2);
    for (t, to) in [(900.0, 500.0), (500.0, 499.0), (300.0, 100.0), (20.0, 1.0)] {
        // As wide as x_t is.
        let x = Tensor::from_slice(&[1.0, -1.0]).view([2, 1]) * v(t).sqrt();
        tch::manual_seed(3);
        let (step, z) = (reverse_step(&oracle, &constants, ReverseVariance::Analytic, &x, t, to).unwrap(), {
            tch::manual_seed(3);
            Tensor::randn([2, 1], DOUBLE)
        });
        // The two means are opposite.
        let sigma = step.x.sum(Kind::Double).double_value(&[]) / z.sum(Kind::Double).double_value(&[]);
        let alpha = (constants.signal(t) / constants.signal(to)).powi(2);
        let beta = v(t) - alpha * v(to);
        let expected = beta * v(to) / (alpha * v(to) + beta);
        assert!((sigma.powi(2) / expected - 1.0).abs() < 1e-7, "t = {t}: {}, expected {expected}", sigma.powi(2));
    }
    let oracle_of_flow = GaussianOracle::isotropic(&Flow, &Tensor::zeros([1], DOUBLE), variance);
    tch::manual_seed(5);
    let mut x = Tensor::randn([400_000, 1], DOUBLE) * v(700.0).sqrt();
    for (t, to) in [(700.0, 300.0), (300.0, 50.0)] {
        x = reverse_step(&oracle, &constants, ReverseVariance::Analytic, &x, t, to).unwrap().x;
        let found = x.var(true).double_value(&[]);
        assert!((found / v(to) - 1.0).abs() < 0.01, "t = {to}: {found}, expected {}", v(to));
    }
    let of_nothing =
        reverse_step(&oracle_of_flow, &Flow, ReverseVariance::Analytic, &(1.1 * x.sign()), 1.0, 0.5).unwrap();
    assert!(bool::try_from(of_nothing.x.isfinite().all()).unwrap());
    // In almost pure noise a few samples say nothing of what x_0 may be: the variance stays within bounds.
    let few = Tensor::from_slice(&[0.5, -0.1]).view([2, 1]);
    let step = reverse_step(&oracle, &constants, ReverseVariance::Analytic, &few, 1000.0, 900.0).unwrap();
    assert!(step.x.abs().max().double_value(&[]) < 10.0, "{:?}", step.x);
}

#[test]
fn ddim_samples_are_as_wide_as_the_closed_form_says() {
    let _guard = libtorch();
    let constants = cosine(1000);
    let table = [(0.25, 0.8537, 0.8671), (1.0, 0.8834, 0.8950)];
    for (variance, expected, of_leading) in table {
        let mut leading = Ddim { steps: Some(10), layout: Leading.into(), ..Default::default() };
        let share = (variance_of_samples(&mut leading, &constants, variance) / variance).sqrt();
        assert!((share - of_leading).abs() < 1e-4, "{share}, expected {of_leading}");
        let mut sampler = Ddim { steps: Some(10), ..Default::default() };
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
    let ddim = draw(&mut Ddim { eta: 1.0, ..Default::default() });
    let ancestral = draw(&mut Ancestral::with_variance(ReverseVariance::Posterior));
    assert!((ddim - ancestral).abs().max().double_value(&[]) < 1e-9);
}

#[test]
fn the_errors_of_solvers_are_those_of_the_closed_form() {
    let _guard = libtorch();
    let (steps, layout) = (Some(81), StepLayoutConfig::from(LogSnr));
    let error = error_on_gaussian(&mut Ddim { steps, layout: layout.clone(), eta: 0.0 }, &Vp::default());
    assert!((error / 2.9e-2 - 1.0).abs() < 0.02, "ddim: {error}");
    let named = [
        ("heun", 1.8e-3),
        ("dpm-solver-2", 9.1e-4),
        ("dpm-solver-3", 2.2e-6),
        ("dpm-solver++2m", 8.9e-4),
        ("plms", 6.1e-4),
    ];
    for (name, expected) in named {
        let json = serde_json::json!({ "name": name, "steps": steps, "layout": layout });
        let mut sampler = serde_json::from_value::<SamplerConfig>(json).unwrap().sampler();
        let error = error_on_gaussian(&mut *sampler, &Vp::default());
        assert!((error / expected - 1.0).abs() < 0.03, "{name}: {error}");
    }
}

#[test]
fn annealed_sampling_has_ddim_and_ancestral_sampling_among_its_cases() {
    let _guard = libtorch();
    let constants = cosine(40);
    let oracle = GaussianOracle::isotropic(&constants, &Tensor::from_slice(&[0.3, -0.1]), 0.25);
    let draw = |sampler: &mut dyn Sampler| {
        tch::manual_seed(4);
        let (noise, none) = (Tensor::randn([200, 2], DOUBLE), &mut InferenceLogger::new(InferType::None));
        run_chain(sampler, &oracle, &constants, noise, none).unwrap()
    };
    let annealed = |power| ConsistentAnnealed { steps: Some(20), power, ..Default::default() };
    for (power, eta) in [(1.0, 0.0), (2.0, 1.0)] {
        let ddim = draw(&mut Ddim { steps: Some(20), eta, ..Default::default() });
        let difference = (draw(&mut annealed(power)) - ddim).abs().max().double_value(&[]);
        assert!(difference < 1e-9, "power {power}: {difference}");
    }
    // Data that is one point always has exactly the noise of its level.
    let one = GaussianOracle::isotropic(&constants, &Tensor::from_slice(&[0.3]), 0.0);
    for power in [1.0, 1.5, 3.0, 100.0] {
        let mut sampler = annealed(power);
        let times = sampler.times(&constants).unwrap();
        let noise = Tensor::randn([100_000, 1], DOUBLE);
        let mut x = constants.signal(times[3]) * 0.3 + constants.noise(times[3]) * noise;
        for pair in times[3..].windows(2).take(5) {
            x = sampler.step(&one, &constants, &x, pair[0], pair[1]).unwrap().x;
            let share = x.std(true).double_value(&[]) / constants.noise(pair[1]);
            assert!((share - 1.0).abs() < 0.01, "power {power}, t = {}: {share}", pair[1]);
        }
    }
    assert!(annealed(0.5).times(&constants).unwrap_err().to_string().contains("at least 1"));
}

#[test]
fn the_adaptive_solver_keeps_its_tolerance_with_as_many_calls_as_that_takes() {
    let _guard = libtorch();
    let (vp, mut found) = (Vp::default(), Vec::new());
    for rtol in [0.1, 0.01, 0.001] {
        let adaptive = SamplerConfig::from(Adaptive { rtol, atol: 1e-6, ..Default::default() });
        let error = error_on_gaussian(&mut *adaptive.sampler(), &vp);
        found.push((error, calls_of(&mut *adaptive.sampler(), &vp)));
        assert!(error < 3.0 * rtol, "{rtol}: {found:?}");
    }
    // The error of a step is of second order.
    let [(rough, few), _, (fine, many)] = found[..] else { unreachable!() };
    assert!(rough > 10.0 * fine && (5.0..20.0).contains(&(many as f64 / few as f64)), "{found:?}");
    // The end of this process is almost pure noise: a single step of first order leads to where its steps begin.
    let cosine = cosine(40);
    let adaptive = SamplerConfig::from(Adaptive { rtol: 0.001, atol: 1e-6, ..Default::default() });
    let error = error_on_gaussian(&mut *adaptive.sampler(), &cosine);
    assert!(error < 0.003 && calls_of(&mut *adaptive.sampler(), &cosine) > 50, "{error}");
    let (of_flow, calls) =
        (variance_of_samples(&mut *adaptive.sampler(), &Flow, 0.25), calls_of(&mut *adaptive.sampler(), &Flow));
    assert!((of_flow / 0.25 - 1.0).abs() < 0.01 && calls > 50, "{of_flow} {calls}");
    // Solvers with equal steps and as many calls are further off where the steps should not be equal.
    let halves = many / 2;
    let equal = SamplerConfig::from(DpmSolver2::default()).with_setting("steps", serde_json::json!(halves)).unwrap();
    let of_equal = error_on_gaussian(&mut *equal.sampler(), &vp);
    assert!(fine < of_equal, "{fine}, with equal steps {of_equal}");
}

/// On Gaussian data the mean and the variance of a sampler that remembers a step follow from the coefficients of its last two.
#[test]
fn the_multistep_sde_solver_has_the_moments_that_its_recursion_says() {
    let _guard = libtorch();
    let (vp, variance) = (Vp::default(), 0.25_f64);
    let oracle = GaussianOracle::isotropic(&vp, &Tensor::zeros([1], DOUBLE), variance);
    for steps in [5, 10, 20] {
        let mut sampler = SdeDpmSolverPp2m::new(steps, LogSnr).sampler();
        let times = sampler.times(&vp).unwrap();
        // The covariance of x and of the data that was predicted a step before.
        let share = |t: f64| vp.signal(t) * variance / (vp.signal(t).powi(2) * variance + vp.noise(t).powi(2));
        let (mut of_x, mut of_both, mut of_seen, mut h_before) = (1.0_f64, 0.0, 0.0, f64::INFINITY);
        for pair in times.windows(2) {
            let [from, to] = [pair[0], pair[1]];
            let h = (vp.log_snr(to) - vp.log_snr(from)) / 2.0;
            let ratio = if h.is_finite() && h_before.is_finite() { h / (2.0 * h_before) } else { 0.0 };
            let fresh = 1.0 - (-2.0 * h).exp();
            let of_data = vp.signal(to) * fresh;
            let kept = vp.noise(to) / vp.noise(from) * (-h).exp() + of_data * (1.0 + ratio) * share(from);
            let remembered = -of_data * ratio;
            let added = if to > 0.0 { vp.noise(to).powi(2) * fresh } else { 0.0 };
            let next = kept.powi(2) * of_x + 2.0 * kept * remembered * of_both + remembered.powi(2) * of_seen + added;
            let seen = share(from);
            (of_both, of_seen) = (seen * (kept * of_x + remembered * of_both), seen.powi(2) * of_x);
            (of_x, h_before) = (next, h);
        }
        tch::manual_seed(3);
        let noise = Tensor::randn([400_000, 1], DOUBLE);
        let none = &mut InferenceLogger::new(InferType::None);
        let drawn = run_chain(&mut *sampler, &oracle, &vp, noise, none).unwrap();
        let found = drawn.var(true).double_value(&[]);
        assert!((found / of_x - 1.0).abs() < 0.01, "{steps} steps: {found}, expected {of_x}");
    }
}
