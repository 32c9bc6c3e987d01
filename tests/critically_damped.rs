//! Critically damped Langevin diffusion on Gaussian data, where the moments of its samples follow from a recursion; and its training.

mod common;

use common::{base, libtorch, quick_training};
use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);
const MEAN: f64 = 0.3;
const VARIANCE: f64 = 0.25;

type Matrix = [[f64; 2]; 2];

fn product(a: Matrix, b: Matrix) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| a[i][0] * b[0][j] + a[i][1] * b[1][j]))
}

fn plus(a: Matrix, b: Matrix, factor: f64) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| a[i][j] + factor * b[i][j]))
}

fn transposed(a: Matrix) -> Matrix {
    [[a[0][0], a[1][0]], [a[0][1], a[1][1]]]
}

const IDENTITY: Matrix = [[1.0, 0.0], [0.0, 1.0]];

/// The covariance of position and velocity of the data at time `t`, from the series of the exponential function and the equilibrium.
fn of_data(process: &CriticallyDamped, t: f64) -> Matrix {
    let start = [[VARIANCE, 0.0], [0.0, process.gamma * process.mass]];
    let rest = [[1.0, 0.0], [0.0, process.mass]];
    let forward = exponential(drift(process, 1.0, -1.0, -1.0), process.beta * t);
    plus(rest, product(product(forward, plus(start, rest, -1.0)), transposed(forward)), 1.0)
}

/// `( 0, a / M; b, c Gamma / M )`
fn drift(process: &CriticallyDamped, a: f64, b: f64, c: f64) -> Matrix {
    [[0.0, a / process.mass], [b, c * process.friction() / process.mass]]
}

/// `e^{A b}`, by its series.
fn exponential(a: Matrix, b: f64) -> Matrix {
    let (mut sum, mut term) = (IDENTITY, IDENTITY);
    for k in 1..60 {
        term = product(term, plus([[0.0; 2]; 2], a, b / f64::from(k)));
        sum = plus(sum, term, 1.0);
    }
    sum
}

/// The matrix of the score of the velocity, `score = - ( row ) ( x - m_x, v - m_v )`.
fn score_row(process: &CriticallyDamped, t: f64) -> [f64; 2] {
    let s = of_data(process, t);
    let determinant = s[0][0] * s[1][1] - s[0][1].powi(2);
    [-s[1][0] / determinant, s[0][0] / determinant]
}

/// The mean and the covariance of the samples, by the recursion of the moments: written here anew, from the equations of the paper.
fn expected(sampler: &DampedSampler, process: &CriticallyDamped) -> ([f64; 2], Matrix) {
    let (friction, beta, mass) = (process.friction(), process.beta, process.mass);
    let (mut mean, mut covariance) = ([0.0; 2], [[1.0, 0.0], [0.0, mass]]);
    // An affine step: matrix, shift, covariance of its noise.
    let mut step = |matrix: Matrix, shift: [f64; 2], noise: Matrix| {
        mean = std::array::from_fn(|i| matrix[i][0] * mean[0] + matrix[i][1] * mean[1] + shift[i]);
        covariance = plus(product(product(matrix, covariance), transposed(matrix)), noise, 1.0);
    };
    let none = [[0.0; 2]; 2];
    for pair in sampler.times().unwrap().windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let h = from - to;
        // 2 Gamma beta score at a time, as a matrix and a shift.
        let pull = |t: f64| {
            let row = score_row(process, t).map(|of| -2.0 * friction * beta * of);
            let forward = exponential(drift(process, 1.0, -1.0, -1.0), beta * t);
            let shift = -(row[0] * forward[0][0] + row[1] * forward[1][0]) * MEAN;
            ([[0.0, 0.0], row], [0.0, shift])
        };
        if sampler.method == DampedMethod::EulerMaruyama || to == 0.0 {
            let (row, shift) = pull(from);
            let slope = plus(row, drift(process, -1.0, 1.0, 1.0), beta);
            let noise = if to > 0.0 { 2.0 * friction * beta * h } else { 0.0 };
            step(plus(IDENTITY, slope, h), shift.map(|of| h * of), [[0.0, 0.0], [0.0, noise]]);
            continue;
        }
        // Half a step of the Ornstein-Uhlenbeck process, whose noise fills up the equilibrium.
        let half = exponential(drift(process, -1.0, 1.0, -1.0), beta * h / 2.0);
        let rest = [[1.0, 0.0], [0.0, mass]];
        let noise = plus(rest, product(product(half, rest), transposed(half)), -1.0);
        let (row, shift) = pull(from);
        let row = plus(row, [[0.0, 0.0], [0.0, 1.0]], 2.0 * friction * beta / mass);
        step(half, [0.0; 2], noise);
        step(plus(IDENTITY, row, h), shift.map(|of| h * of), none);
        step(half, [0.0; 2], noise);
    }
    (mean, covariance)
}

#[test]
fn samples_of_gaussian_data_have_the_moments_of_the_recursion() {
    let _guard = libtorch();
    let process = CriticallyDamped::default();
    let oracle = DampedGaussianOracle::new(&process, &Tensor::from_slice(&[MEAN]), VARIANCE).unwrap();
    for (method, steps, is_quadratic) in [
        (DampedMethod::EulerMaruyama, 60, true),
        (DampedMethod::Sscs, 60, true),
        (DampedMethod::Sscs, 25, false),
        (DampedMethod::EulerMaruyama, 800, false),
    ] {
        let sampler = DampedSampler { is_quadratic, ..DampedSampler::new(method, steps) };
        tch::manual_seed(4);
        let n = 200_000;
        let (x, v) = process.draw_start(&Tensor::zeros([n, 1], DOUBLE));
        let end = sampler.run(&oracle, &process, x, v).unwrap();
        let both = Tensor::cat(&[&end.x, &end.v], 1);
        let found_mean = both.mean_dim(0, false, Kind::Double);
        let away = &both - &found_mean;
        let found = away.tr().matmul(&away) / n as f64;
        let (mean, covariance) = expected(&sampler, &process);
        for (i, row) in covariance.iter().enumerate() {
            let spread = row[i].sqrt();
            let off = (found_mean.double_value(&[i as i64]) - mean[i]).abs() / spread;
            assert!(off < 0.01, "{sampler:?}: mean of {i} off by {off}");
            for (j, known) in row.iter().enumerate() {
                let found = found.double_value(&[i as i64, j as i64]);
                let off = (found - known).abs() / (spread * covariance[j][j].sqrt());
                assert!(off < 0.015, "{sampler:?}: {i} {j}: {found}, expected {known}");
            }
        }
    }
}

/// The splitting is closer to the data with the same number of steps, and both come to it.
#[test]
fn the_splitting_has_a_smaller_error_than_euler_maruyama() {
    let process = CriticallyDamped::default();
    let errors = |method: DampedMethod, steps: usize| {
        let (mean, covariance) = expected(&DampedSampler::new(method, steps), &process);
        ((mean[0] - MEAN).abs() / VARIANCE.sqrt(), (covariance[0][0] / VARIANCE - 1.0).abs())
    };
    // Also evaluated in a script with the exponential function of a matrix.
    for (steps, of_splitting, of_euler) in [(20, 8.29e-2, 2.14e-1), (50, 3.61e-2, 6.48e-2), (100, 1.85e-2, 3.01e-2)] {
        let splitting = errors(DampedMethod::Sscs, steps);
        let euler = errors(DampedMethod::EulerMaruyama, steps);
        assert!(splitting.0 < euler.0 && splitting.1 < 0.65 * euler.1, "{steps} steps: {splitting:?} {euler:?}");
        let is_close = |found: f64, known: f64| (found / known - 1.0).abs() < 5e-3;
        assert!(is_close(splitting.1, of_splitting) && is_close(euler.1, of_euler), "{splitting:?} {euler:?}");
    }
    for method in [DampedMethod::Sscs, DampedMethod::EulerMaruyama] {
        let (of_mean, of_variance) = errors(method, 1_000);
        assert!(of_mean < 0.001 && of_variance < 0.003, "{of_mean} {of_variance}");
    }
    for refused in [
        DampedSampler::new(DampedMethod::Sscs, 1),
        DampedSampler { last: 0.0, ..DampedSampler::new(DampedMethod::Sscs, 5) },
    ] {
        assert!(refused.times().is_err());
    }
}

/// For a Gaussian the best prediction is linear: a network comes to the loss of the perfect one, and draws the data.
#[test]
fn a_network_learns_the_score_of_the_velocity() {
    let _guard = libtorch();
    let process = CriticallyDamped::default();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 2_000);
    let training =
        TrainingConfig { learning_rate: 5e-3, batch_size: 200, epochs: 100, ema_decay: 0.99, ..quick_training() };
    tch::manual_seed(1);
    let data = (Tensor::randn([2_000, 1], (Kind::Float, Device::Cpu)) * VARIANCE.sqrt() + MEAN).contiguous();
    let loader = DataLoader::new(data.shallow_clone(), &base, &training).unwrap();
    let config = FnnConfig { input_width: 2, hidden_widths: vec![64, 64], ..Default::default() };
    let network = Fnn::new(&config, Device::Cpu).unwrap();
    let learner = HsmLearner::new(&network, &process).unwrap();
    learner.check(&loader).unwrap();
    let mut state = TrainingState::of_learner(&learner, &base, &training).unwrap();
    while state.epoch() < training.epochs {
        train_one_epoch_of(&learner, &loader, &mut state, &mut |_| ()).unwrap();
    }
    let oracle = DampedGaussianOracle::new(&process, &Tensor::from_slice(&[MEAN]), VARIANCE).unwrap();
    let model = DampedNetwork::new(&network, &process);
    let (found, least) = state
        .with_averaged_weights(|| {
            let (mut found, mut least) = (0.0, 0.0);
            for t in [0.05, 0.2, 0.4, 0.7, 1.0] {
                tch::manual_seed(3);
                let n = 4_000;
                let x0 = Tensor::randn([n, 1], DOUBLE) * VARIANCE.sqrt() + MEAN;
                let eps = Tensor::randn([2, n, 1], DOUBLE);
                let (x, v) = process.perturbed(&x0, &vec![t; n as usize], &eps.get(0), &eps.get(1))?;
                let error = |score: &dyn VelocityScore| -> Result<f64, Error> {
                    let noise: Tensor = score.score(&x, &v, t)? / -process.score_factor(t);
                    Ok((noise - eps.get(1)).square().mean(Kind::Double).double_value(&[]))
                };
                found += error(&model)? / 5.0;
                least += error(&oracle)? / 5.0;
            }
            Ok((found, least))
        })
        .unwrap();
    assert!(found < least + 0.05 && least < 0.95, "{found}, at best {least}");
    let validation = learner.validate(&Batch::of(data.narrow(0, 0, 500))).unwrap();
    assert!((validation - least).abs() < 0.3, "{validation} {least}");
    let drawn = state
        .with_averaged_weights(|| {
            let (x, v) = process.draw_start(&Tensor::zeros([5_000, 1], (Kind::Float, Device::Cpu)));
            DampedSampler::new(DampedMethod::Sscs, 100).run(&model, &process, x, v)
        })
        .unwrap()
        .x;
    let (mean, variance) = (drawn.mean(Kind::Double).double_value(&[]), drawn.var(true).double_value(&[]));
    assert!((mean - MEAN).abs() < 0.08 && (variance / VARIANCE - 1.0).abs() < 0.2, "{mean} {variance}");

    let wrong = Fnn::new(&FnnConfig { input_width: 3, ..config }, Device::Cpu).unwrap();
    let refused = HsmLearner::new(&wrong, &process).unwrap().check(&loader).unwrap_err().to_string();
    assert!(refused.contains("velocities, too"), "{refused}");
}
