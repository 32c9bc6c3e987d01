//! The probability-flow ODE: its solvers, its codes and the likelihood, where they are known, and against torchdiffeq.

mod common;
#[path = "common/on_gaussian.rs"]
mod on_gaussian;

use std::collections::HashMap;
use std::path::Path;

use common::{ClosedForm, libtorch};
use ddpm_tutor::prelude::*;
use on_gaussian::{calls_of, cosine, error_on_gaussian, variance_of_samples};

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn golden() -> HashMap<String, Tensor> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/odes.safetensors");
    Tensor::read_safetensors(path).unwrap().into_iter().collect()
}

fn furthest(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

fn process(name: &str) -> Box<dyn Process> {
    ProcessConfig::from_name(name).unwrap().build().process().unwrap()
}

/// The mixture of the fixture.
fn mixture(process: &dyn Process) -> MixtureOracle<'_> {
    let means = Tensor::from_slice(&[0.7, 0.2, -0.5, -0.4]).view([2, 2]);
    MixtureOracle::of_gaussians(process, &means, &[0.04, 0.2], &[0.3, 0.7]).unwrap()
}

/// The eight Gaussians of the data set, with their own width.
fn eight(process: &dyn Process) -> MixtureOracle<'_> {
    let means = Tensor::from_slice(EightGaussians::centres().as_flattened()).view([8, 2]);
    let variance = EightGaussians::default().noise.powi(2);
    MixtureOracle::of_gaussians(process, &means, &[variance; 8], &[1.0; 8]).unwrap()
}

#[test]
fn end_points_and_densities_are_those_of_torchdiffeq() {
    let _guard = libtorch();
    let (golden, vp) = (golden(), Vp::default());
    let oracle = mixture(&vp);
    let mut tight = Rk45 { rtol: 1e-9, atol: 1e-9, ..Rk45::default() }.sampler();
    let mut between = |x: &Tensor, from: f64, to: f64| tight.step(&oracle, &vp, x, from, to).unwrap().x;
    let (down, up) = (between(&golden["noise"], 1.0, 1e-3), between(&golden["data"], 1e-3, 1.0));
    let differences = [furthest(&down, &golden["down"]), furthest(&up, &golden["up"])];
    assert!(differences.iter().all(|difference| *difference < 1e-6), "{differences:?}");

    let times: Vec<f64> = Vec::try_from(&golden["rk4.times"]).unwrap();
    let mut x = golden["noise"].shallow_clone();
    for pair in times.windows(2) {
        x = Rk4::default().step(&oracle, &vp, &x, pair[0], pair[1]).unwrap().x;
    }
    let difference = furthest(&x, &golden["rk4"]);
    assert!(difference < 1e-10, "{difference}");

    let found = OdeLikelihood::with_tolerance(1e-9).of(&oracle, &vp, &golden["data"], 1).unwrap();
    let differences = [furthest(&found.codes, &golden["codes"]), furthest(&-&found.nats, &golden["log_density"])];
    assert!(differences.iter().all(|difference| *difference < 1e-6), "{differences:?}");
}

/// `x_0 = x_T s / sqrt( v_T )`, on every process, from pure noise to the first time.
#[test]
fn the_adaptive_solver_keeps_its_tolerance_on_every_process() {
    let _guard = libtorch();
    for entry in ProcessConfig::ENTRIES {
        let process = process(entry.name);
        let mut before = f64::INFINITY;
        for tolerance in [1e-4, 1e-7] {
            let mut sampler = Rk45 { rtol: tolerance, atol: tolerance, ..Rk45::default() }.sampler();
            let error = error_on_gaussian(&mut *sampler, &*process);
            // It starts from 1, which is small where the noise has a standard deviation of 50 or 80.
            let allowed = 20.0 * tolerance * process.noise_at_end().max(1.0);
            assert!(error < allowed && error < before, "{}, {tolerance}: {error}", entry.name);
            before = error;
        }
    }
    let calls = calls_of(&mut *Rk45::default().sampler(), &Vp::default());
    assert!((20..100).contains(&calls), "{calls} calls");
    for refused in [Rk45 { rtol: 0.0, ..Rk45::default() }, Rk45 { atol: f64::NAN, ..Rk45::default() }] {
        assert!(refused.sampler().times(&Flow).unwrap_err().to_string().contains("above 0"));
    }
}

/// Also where no signal is left, since the velocity is finite there: other solvers begin with a step of first order.
#[test]
fn classical_runge_kutta_is_of_order_4_from_pure_noise() {
    let _guard = libtorch();
    let quarter = |steps| {
        let oracle = GaussianOracle::isotropic(&Flow, &Tensor::zeros([1], DOUBLE), 0.25);
        let mut x = Tensor::ones([1, 1], DOUBLE);
        for i in 0..steps {
            let time = |i: i32| 1.0 - 0.75 * f64::from(i) / f64::from(steps);
            x = Rk4::default().step(&oracle, &Flow, &x, time(i), time(i + 1)).unwrap().x;
        }
        let exact = (0.25_f64.powi(2) + 0.75_f64.powi(2) * 0.25).sqrt();
        (x.double_value(&[0, 0]) - exact).abs()
    };
    let (coarse, fine) = (quarter(5), quarter(10));
    assert!(fine < 1e-5 && (12.0..20.0).contains(&(coarse / fine)), "{coarse} {fine}");
    let spread = variance_of_samples(&mut Rk4 { steps: Some(200), ..Rk4::default() }, &Flow, 0.25);
    // The last step returns the predicted data.
    let last: f64 = 1.0 / 200.0;
    let exact = 0.25 * (0.25 * (1.0 - last).powi(2)) / (0.25 * (1.0 - last).powi(2) + last.powi(2));
    assert!((spread / exact - 1.0).abs() < 1e-6, "{spread} {exact}");
}

#[test]
fn codes_lead_back_to_the_data_and_are_the_same_for_every_network() {
    let _guard = libtorch();
    let vp = Vp::default();
    let oracle = mixture(&vp);
    let x0 = golden()["data"].shallow_clone();
    let quiet = || InferenceLogger::new(InferType::None);
    let fixed = Rk4 { steps: Some(400), layout: LogSnr.into() };
    let adaptive = Rk45 { rtol: 1e-8, atol: 1e-8, ..Rk45::default() };
    for mut sampler in [Box::new(fixed) as Box<dyn Sampler>, adaptive.sampler()] {
        let code = encode(&mut *sampler, &oracle, &vp, x0.shallow_clone(), &mut quiet()).unwrap();
        let back = run_chain(&mut *sampler, &oracle, &vp, code.shallow_clone(), &mut quiet()).unwrap();
        // The first and the last step, between 0 and the first time, are of first order.
        assert!(furthest(&back, &x0) < 1e-3, "{sampler:?}: {}", furthest(&back, &x0));
    }
    // Without these two steps, the way back ends where it began.
    let mut sampler = Rk45 { rtol: 1e-8, atol: 1e-8, ..Rk45::default() }.sampler();
    let there = sampler.step(&oracle, &vp, &x0, 1e-3, 1.0).unwrap().x;
    let back = sampler.step(&oracle, &vp, &there, 1.0, 1e-3).unwrap().x;
    assert!(furthest(&back, &x0) < 1e-6, "{}", furthest(&back, &x0));

    // Networks that predict the noise and the velocity a eps - s x_0 of N(0, 0.25).
    let amounts = |time: &Tensor| {
        let t: Tensor = time / 1000.0;
        let integral = &t * 0.1 + t.square() * 9.95;
        let (a, s): (Tensor, Tensor) = ((&integral * -0.5).exp(), (-(-&integral).expm1()).sqrt());
        (a.unsqueeze(1), s.unsqueeze(1))
    };
    let of_eps = ClosedForm::new(&[2], move |x, t| {
        let (a, s) = amounts(t);
        x * &s / (a.square() * 0.25 + s.square())
    });
    let of_v = ClosedForm::new(&[2], move |x, t| {
        let (a, s) = amounts(t);
        x * (&a * &s * 0.75) / (a.square() * 0.25 + s.square())
    });
    let of_v = of_v.with_parameterization(Box::new(V));
    let exact = GaussianOracle::isotropic(&vp, &Tensor::zeros([2], DOUBLE), 0.25);
    let code = |denoiser: &dyn Denoiser| OdeLikelihood::default().of(denoiser, &vp, &x0, 1).unwrap();
    let (one, other, known) = (code(&of_eps.denoiser(&vp)), code(&of_v.denoiser(&vp)), code(&exact));
    let differences = [furthest(&one.codes, &other.codes), furthest(&one.codes, &known.codes)];
    assert!(differences.iter().all(|difference| *difference < 1e-4), "{differences:?}");
    assert!(furthest(&one.nats, &known.nats) < 1e-4 && furthest(&other.nats, &known.nats) < 1e-4);
}

/// For `N(0, Sigma)`, the map from data to codes is `Sigma^(-1/2)`: symmetric, so the optimal transport.
#[test]
fn the_encoder_of_a_gaussian_is_the_inverse_root_of_its_covariance() {
    let _guard = libtorch();
    let vp = Vp::default();
    tch::manual_seed(3);
    let samples = Tensor::randn([300, 3], DOUBLE).matmul(&Tensor::randn([3, 3], DOUBLE));
    let oracle = GaussianOracle::fitted(&vp, &samples, 3).unwrap();
    let mean = samples.mean_dim(0, false, Kind::Double);
    let covariance = (&samples - &mean).tr().matmul(&(&samples - &mean)) / 299.0;
    let probe = Tensor::cat(&[Tensor::eye(3, DOUBLE), Tensor::zeros([1, 3], DOUBLE)], 0) + &mean;
    let codes = OdeLikelihood::with_tolerance(1e-8).of(&oracle, &vp, &probe, 1).unwrap().codes;
    let encoder = codes.narrow(0, 0, 3) - codes.get(3);
    let (left, values, _) = covariance.svd(true, true);
    let root = left.matmul(&values.rsqrt().diag(0)).matmul(&left.tr());
    let scale = root.abs().max().double_value(&[]);
    let of_symmetry = furthest(&encoder, &encoder.tr()) / scale;
    // At the end of VP a share of 4e-5 of the signal is left.
    assert!(of_symmetry < 1e-7 && furthest(&encoder, &root) / scale < 1e-3, "{of_symmetry} {encoder:?} {root:?}");
}

/// The model draws `x_T` from the prior, so that it is `N( (1 - k a_T) m, k^2 sigma_T^2 )` with `k = sqrt( v_{t_0} / v_T ) / a_{t_0}`, for `m = 0`.
#[test]
fn the_likelihood_of_gaussian_data_is_exact_on_every_process() {
    let _guard = libtorch();
    let x0 = Tensor::from_slice(&[0.0, 0.5, -1.2, 0.3]).view([2, 2]);
    for entry in ProcessConfig::ENTRIES {
        let process = process(entry.name);
        let variance = 0.25;
        let oracle = GaussianOracle::isotropic(&*process, &Tensor::zeros([2], DOUBLE), variance);
        let solver = OdeLikelihood::with_tolerance(1e-8);
        let found = solver.of(&oracle, &*process, &x0, 1).unwrap();
        let v = |t: f64| process.signal(t).powi(2) * variance + process.noise(t).powi(2);
        let start = if process.steps().is_some() { 1.0 } else { 1e-5 * process.end() };
        let end = process.end();
        let of_model = v(start) / v(end) / process.signal(start).powi(2) * process.noise_at_end().powi(2);
        let nats = |variance: f64| -> Tensor {
            let squares = x0.square().sum_dim_intlist([1].as_slice(), false, Kind::Double);
            squares / (2.0 * variance) + (std::f64::consts::TAU * variance).ln()
        };
        let difference = furthest(&found.nats, &nats(of_model));
        let default = OdeLikelihood::default().of(&oracle, &*process, &x0, 1).unwrap();
        println!(
            "{}: {difference:.1e} with {} calls; by default {:.1e} with {} calls",
            entry.name,
            found.calls,
            furthest(&default.nats, &nats(of_model)),
            default.calls
        );
        // In a table, the noise grows at another rate up to a thousandth of the process, and the solver steps over that.
        let allowed = if entry.name == "tabulated" { 2e-5 } else { 1e-6 };
        assert!(difference < allowed, "{}: {difference}", entry.name);
        // The density of the data itself, but for the noise at the start and the signal at the end.
        let off = furthest(&found.nats, &nats(variance));
        let ends_with_noise = ProcessConfig::from_name(entry.name).unwrap().properties().ends_with_noise;
        assert!(off < 0.02 || !ends_with_noise, "{}: {off}", entry.name);
        let estimated = OdeLikelihood { probes: Some(1), ..solver }.of(&oracle, &*process, &x0, 1).unwrap();
        // The Jacobian is diagonal.
        assert!(furthest(&estimated.nats, &found.nats) < 1e-6, "{}", entry.name);
    }
}

#[test]
fn the_likelihood_of_eight_gaussians_is_their_density() {
    let _guard = libtorch();
    let vp = Vp::default();
    let set = EightGaussians::default();
    let points = Dataset::from(set.clone()).sample(2_000, 3).unwrap();
    let exact: f64 =
        points.rows().into_iter().map(|x| -set.density([x[0].into(), x[1].into()]).unwrap().ln()).sum::<f64>()
            / 2_000.0;
    let x0 = Tensor::from_slice(points.as_slice().unwrap()).view([2_000, 2]);
    let oracle = eight(&vp);
    let found = OdeLikelihood::default().of(&oracle, &vp, &x0, 1).unwrap();
    assert!((found.mean() - exact).abs() < 1e-3, "{} {exact}", found.mean());
    // In one dimension, the estimate with a random direction is exact.
    let line =
        MixtureOracle::of_gaussians(&vp, &Tensor::from_slice(&[-0.5, 0.8]).view([2, 1]), &[0.02, 0.1], &[1.0, 2.0])
            .unwrap();
    let places = Tensor::linspace(-1.0, 1.5, 20, DOUBLE).view([20, 1]);
    let of_probes = |probes| OdeLikelihood { probes, ..OdeLikelihood::default() }.of(&line, &vp, &places, 1).unwrap();
    assert!(furthest(&of_probes(None).nats, &of_probes(Some(1)).nats) < 1e-9);
    // The same for every batch, and with random directions in the mean.
    let first = x0.narrow(0, 0, 300);
    let part = OdeLikelihood::default().of(&oracle, &vp, &first, 1).unwrap();
    assert!(furthest(&part.nats, &found.nats.narrow(0, 0, 300)) < 1e-3);
    let estimated = OdeLikelihood { probes: Some(4), ..OdeLikelihood::default() };
    let of_seed = |seed| estimated.of(&oracle, &vp, &x0, seed).unwrap();
    let (one, again, other) = (of_seed(1), of_seed(1), of_seed(2));
    assert!(one.nats == again.nats && one.nats != other.nats);
    let difference: Tensor = &one.nats - &found.nats;
    let error = difference.std(true).double_value(&[]) / 2_000_f64.sqrt();
    assert!(difference.mean(Kind::Double).double_value(&[]).abs() < 4.0 * error && error < 0.02, "{error}");
}

/// Uniform noise within the interval of each byte gives, in expectation, a bound on the probability of the byte.
#[test]
fn images_are_bytes_whose_probability_is_bounded() {
    let _guard = libtorch();
    let vp = Vp::default();
    let spread = 0.3_f64;
    let oracle = GaussianOracle::isotropic(&vp, &Tensor::zeros([4], DOUBLE), spread.powi(2));
    let byte = |k: f64| k / 127.5 - 1.0;
    let image = Tensor::from_slice(&[byte(100.0), byte(127.0), byte(160.0), byte(90.0)]).view([1, 1, 2, 2]);
    let many = image.expand([4_000, 1, 2, 2], false);
    let found = OdeLikelihood::default().of(&oracle, &vp, &many, 1).unwrap();
    let exact = Values::Bytes
        .negative_log_likelihood(&image, &image.zeros_like(), &Tensor::from(spread.powi(2)))
        .sum(Kind::Double)
        .double_value(&[]);
    let (mean, error) = (found.mean(), found.standard_error());
    assert!(mean > exact - 4.0 * error && (mean - exact).abs() < 4.0 * error + 1e-3 && error < 2e-3, "{mean} {exact}");
    assert!((found.bits_per_dimension(mean) - mean / 4.0 / std::f64::consts::LN_2).abs() < 1e-12);

    let refused = |of: &OdeLikelihood, process: &dyn Process, x0: &Tensor| {
        of.of(&oracle, process, x0, 1).unwrap_err().to_string()
    };
    let default = OdeLikelihood::default();
    assert!(refused(&default, &vp, &(&image + 0.003)).contains("between the bytes"));
    let large = Tensor::zeros([2, 1, 17, 17], DOUBLE) + byte(100.0);
    assert!(refused(&default, &vp, &large).contains("at most 256 numbers"));
    assert!(refused(&OdeLikelihood { probes: Some(0), ..default.clone() }, &vp, &image).contains("at least 1"));
    assert!(refused(&OdeLikelihood { start: Some(1.0), ..default.clone() }, &vp, &image).contains("below 1"));
    assert!(refused(&OdeLikelihood { rtol: -1.0, ..default.clone() }, &vp, &image).starts_with("rtol"));
    let skewed = NoiseConfig::from(Gamma::default()).of(Box::new(cosine(10))).unwrap();
    assert!(refused(&default, &*skewed, &image).contains("gamma"));
}
