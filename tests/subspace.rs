//! Subspace diffusion on Gaussian data, whose samples are known direction by direction.

mod common;

use common::libtorch;
use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

/// Variances of the data: large in two directions, small in the third.
const VARIANCES: [f64; 3] = [1.0, 0.3, 0.02];

/// A rotation, with the directions as columns.
fn directions() -> Tensor {
    tch::manual_seed(2);
    Tensor::linalg_qr(&Tensor::randn([3, 3], DOUBLE), "reduced").0
}

/// Samples with exactly the covariance of the data, and mean 0.
fn samples(directions: &Tensor) -> Tensor {
    let points: Vec<f64> = (0..3)
        .flat_map(|i| [1.0, -1.0].map(|sign| (0..3).map(move |j| if i == j { sign } else { 0.0 })))
        .flatten()
        .collect();
    // Six points: the variance of n - 1 = 5 is 2/5.
    let scale = Tensor::from_slice(&VARIANCES.map(|variance| (variance * 2.5).sqrt()));
    (Tensor::from_slice(&points).view([6, 3]) * scale).matmul(&directions.tr())
}

fn chain_times(sampler: &SamplerConfig, process: &dyn Process, until: f64) -> Vec<f64> {
    let mut times = sampler.sampler().times(process).unwrap();
    let place = times.iter().position(|t| *t <= until).unwrap();
    if times[place] < until {
        times.insert(place, until);
    }
    times
}

/// The factor and the variance of the noise that the chain makes of a direction of this variance, from the first of these times on.
fn factor_and_noise(sampler: &SamplerConfig, process: &dyn Process, variance: f64, times: &[f64]) -> (f64, f64) {
    let oracle = GaussianOracle::isotropic(process, &Tensor::zeros([1], DOUBLE), variance);
    let (mut factor, mut added) = (1.0, 0.0);
    for pair in times.windows(2) {
        let step = |of: f64| {
            tch::manual_seed(5);
            let x = Tensor::full([1, 1], of, DOUBLE);
            sampler.sampler().step(&oracle, process, &x, pair[0], pair[1]).unwrap().x.double_value(&[0, 0])
        };
        tch::manual_seed(5);
        let z = Tensor::randn([1, 1], DOUBLE).double_value(&[0, 0]);
        let (of_zero, of_one) = (step(0.0), step(1.0));
        factor *= of_one - of_zero;
        added = (of_one - of_zero).powi(2) * added + (of_zero / z).powi(2);
    }
    (factor, added)
}

#[test]
fn the_covariance_of_samples_is_that_of_the_recursion() {
    let _guard = libtorch();
    let (process, directions) = (Vp::default(), directions());
    let data = samples(&directions);
    let whole = GaussianOracle::fitted(&process, &data, 3).unwrap();
    let inside = GaussianOracle::fitted(&process, &data.matmul(&directions.narrow(1, 0, 2)), 2).unwrap();
    for (name, until) in [("ddim", 0.4), ("ancestral", 0.4), ("heun", 0.55)] {
        let sampler = SamplerConfig::from_name(name).unwrap().with_setting("steps", serde_json::json!(40)).unwrap();
        let subspace = Subspace::of_principal_components(&data, 2, until).unwrap();
        let coefficients = subspace.coefficients(&data);
        // Principal components are known up to their signs.
        assert!(
            (coefficients.abs() - data.matmul(&directions.narrow(1, 0, 2)).abs()).abs().max().double_value(&[]) < 1e-9
        );
        let own = GaussianOracle::fitted(&process, &coefficients, 2).unwrap();
        tch::manual_seed(7);
        let n = 200_000;
        let noise = Tensor::randn([n, 3], DOUBLE);
        let drawn = subspace.run(&sampler, &own, &whole, &process, noise.shallow_clone()).unwrap();
        let along = drawn.matmul(&directions);
        let covariance = along.tr().matmul(&along) / n as f64;
        let times = chain_times(&sampler, &process, until);
        let below: Vec<f64> = times.iter().copied().filter(|t| *t <= until).collect();
        let (a, s) = (process.signal(until), process.noise(until));
        for (i, variance) in VARIANCES.into_iter().enumerate() {
            let (start, times) = if i < 2 { (1.0, &times) } else { (s * s + a * a * variance, &below) };
            let (factor, added) = factor_and_noise(&sampler, &process, variance, times);
            let expected = factor.powi(2) * start + added;
            let found = covariance.double_value(&[i as i64, i as i64]);
            assert!((found / expected - 1.0).abs() < 0.015, "{name}, direction {i}: {found}, expected {expected}");
            for j in (0..3).filter(|j| *j != i) {
                let bound = 0.015 * (variance * VARIANCES[j]).sqrt();
                assert!(
                    covariance.double_value(&[i as i64, j as i64]).abs() < bound,
                    "{name}, {i} {j}: {covariance:?}"
                );
            }
            // Without fresh noise each number is known.
            if name != "ancestral" {
                let known = noise.matmul(&directions).select(1, i as i64) * (factor * start.sqrt());
                let difference = (along.select(1, i as i64) - known).abs().max().double_value(&[]);
                assert!(difference < 1e-9, "{name}, direction {i}: {difference}");
            }
        }
    }
    // Up to the end of the process it is the ordinary chain, whatever the other denoiser.
    let sampler = SamplerConfig::from(DpmSolverPp2m { steps: Some(20), ..Default::default() });
    let noise = Tensor::randn([9, 3], DOUBLE);
    let none = &mut InferenceLogger::new(InferType::None);
    let ordinary = run_chain(&mut *sampler.sampler(), &whole, &process, noise.shallow_clone(), none).unwrap();
    let whole_way = Subspace::new(&directions.narrow(1, 0, 1), 1.0).unwrap();
    assert_eq!(whole_way.run(&sampler, &inside, &whole, &process, noise).unwrap(), ordinary);
}

/// A mean beside the subspace is there at the beginning of the second part; and what does not fit is refused.
#[test]
fn the_mean_beside_the_subspace_is_kept() {
    let _guard = libtorch();
    let (process, directions) = (Vp::default(), directions());
    let shift = Tensor::from_slice(&[0.4, -0.3, 0.8]);
    let data = samples(&directions) + &shift;
    let whole = GaussianOracle::fitted(&process, &data, 3).unwrap();
    let subspace = Subspace::of_principal_components(&data, 2, 0.5).unwrap();
    let inside = GaussianOracle::fitted(&process, &subspace.coefficients(&data), 2).unwrap();
    let sampler = SamplerConfig::from(Ddim { steps: Some(100), ..Default::default() });
    tch::manual_seed(3);
    let drawn = subspace.run(&sampler, &inside, &whole, &process, Tensor::randn([100_000, 3], DOUBLE)).unwrap();
    let mean = drawn.mean_dim(0, false, Kind::Double);
    assert!((mean - &shift).abs().max().double_value(&[]) < 0.02);

    let message = |of: Result<Subspace, Error>| of.unwrap_err().to_string();
    assert!(message(Subspace::new(&(directions.narrow(1, 0, 2) * 2.0), 0.5)).contains("orthonormal"));
    assert!(message(Subspace::new(&directions.narrow(1, 0, 2).tr(), 0.5)).contains("n from 1 to D"));
    assert!(message(Subspace::of_principal_components(&data, 4, 0.5)).contains("1 to 3"));
    let wrong = subspace.run(&sampler, &inside, &whole, &process, Tensor::zeros([2, 4], DOUBLE)).unwrap_err();
    assert!(wrong.to_string().contains("of 3 numbers"));
    let late = Subspace::new(&directions.narrow(1, 0, 2), 1.5).unwrap();
    assert!(late.run(&sampler, &inside, &whole, &process, Tensor::zeros([2, 3], DOUBLE)).is_err());
}
