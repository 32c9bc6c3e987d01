//! Processes whose coordinates differ: one rate for each coordinate, soft blur, and cold diffusion as its limit without noise.

mod common;
#[path = "common/on_gaussian.rs"]
mod on_gaussian;

use common::{ClosedForm, libtorch};
use ddpm_tutor::prelude::*;
use on_gaussian::{cosine, variance_of_samples};

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn largest(x: &Tensor) -> f64 {
    x.abs().max().double_value(&[])
}

fn with(noise: impl Into<NoiseConfig>, process: impl Process + 'static) -> Box<dyn Process> {
    noise.into().of(Box::new(process)).unwrap()
}

fn rates(rates: &[f64]) -> Rates {
    Rates { rates: rates.to_vec() }
}

fn run(sampler: &SamplerConfig, denoiser: &dyn Denoiser, process: &dyn Process, x_t: &Tensor) -> Tensor {
    tch::manual_seed(4);
    let quiet = &mut InferenceLogger::new(InferType::None);
    run_chain(&mut *sampler.sampler(), denoiser, process, x_t.shallow_clone(), quiet).unwrap()
}

fn samplers() -> [SamplerConfig; 5] {
    [
        Ancestral::default().into(),
        Ancestral::with_variance(ReverseVariance::Posterior).into(),
        Ancestral::with_variance(ReverseVariance::Interpolated).into(),
        Ddim::default().into(),
        Ddim { steps: Some(7), eta: 0.6, ..Default::default() }.into(),
    ]
}

/// Rates of 1 change no bit; a blur of width 0 changes samples only by the rounding of two cosine transforms.
#[test]
fn rates_of_1_and_no_blur_are_the_process_itself() {
    let _generator = libtorch();
    let standard = cosine(40);
    let t = Tensor::from_slice(&[1_i64, 9, 30, 40]);
    for (noise, shape, tolerance) in [
        (NoiseConfig::from(Rates::default()), &[4, 2][..], 0.0),
        (rates(&[1.0, 1.0]).into(), &[4, 2], 0.0),
        (Blur { width: 0.0, ..Default::default() }.into(), &[4, 3, 6, 8], 1e-12),
    ] {
        let process = with(noise, cosine(40));
        tch::manual_seed(1);
        let x0 = Tensor::randn(shape, if tolerance > 0.0 { DOUBLE } else { (Kind::Float, Device::Cpu) });
        let forward = |process: &dyn Process| {
            tch::manual_seed(2);
            forward_diffusion(process, &x0, &t).unwrap().0
        };
        assert!(largest(&(forward(&*process) - forward(&standard))) <= tolerance, "{shape:?}");
        let model = ClosedForm::new(&shape[1..], |x, t| x * 0.4 + t.sum(Kind::Float) * 1e-5);
        for sampler in samplers() {
            let drawn = |process: &dyn Process| run(&sampler, &model.denoiser(process), process, &x0);
            let difference = largest(&(drawn(&*process) - drawn(&standard)));
            // The network itself computes in f32, and so does the square root of a variance.
            let is_exact = tolerance == 0.0 && matches!(sampler, SamplerConfig::Ddim(_));
            assert!(difference <= if is_exact { 0.0 } else { 1e-5 }, "{shape:?}, {sampler:?}: {difference}");
        }
    }
}

/// The exact denoiser of data whose coordinates are independent Gaussians, each with its own process.
struct Diagonal<'a> {
    process: &'a dyn Process,
    own: Vec<ConstantsManager>,
    variances: Vec<f64>,
}

impl Denoiser for Diagonal<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised, Error> {
        let share = |(own, v): (&ConstantsManager, &f64)| {
            let (a, s) = (own.signal(t), own.noise(t));
            a * v / (a * a * v + s * s)
        };
        let shares: Vec<f64> = self.own.iter().zip(&self.variances).map(share).collect();
        Ok(Denoised::from_x0(x_t * Tensor::from_slice(&shares), x_t, &Level::at(self.process, t, x_t)?))
    }
}

/// `alpha_bar^r`: `beta` becomes `1 - ( 1 - beta )^r`.
fn with_rate(rate: f64) -> ConstantsManager {
    let betas: Vec<f64> = CosineSchedule.betas(40).unwrap().iter().map(|beta| 1.0 - (1.0 - beta).powf(rate)).collect();
    ConstantsManager::from_betas(&betas, 1, Device::Cpu).unwrap()
}

#[test]
fn each_coordinate_has_the_process_of_its_rate() {
    let _generator = libtorch();
    let (of, variances) = ([0.7, 1.0, 1.6], vec![0.25, 2.0, 0.04]);
    let process = with(rates(&of), cosine(40));
    let own = || of.iter().map(|rate| with_rate(*rate)).collect::<Vec<_>>();
    let oracle = Diagonal { process: &*process, own: own(), variances: variances.clone() };
    tch::manual_seed(6);
    let noise = Tensor::randn([100_000, 3], DOUBLE);

    // Without fresh noise, every coordinate goes its own way to the same place.
    let together = run(&Ddim::default().into(), &oracle, &*process, &noise);
    for (i, (own, variance)) in own().into_iter().zip(&variances).enumerate() {
        let i = i as i64;
        let alone = GaussianOracle::isotropic(&own, &Tensor::zeros([1], DOUBLE), *variance);
        let alone = run(&Ddim::default().into(), &alone, &own, &noise.narrow(1, i, 1));
        assert!(largest(&(together.narrow(1, i, 1) - alone)) < 1e-9, "coordinate {i}");
    }
    // With it, the variances are those of the recursion.
    for sampler in samplers() {
        let drawn = run(&sampler, &oracle, &*process, &noise);
        for (i, (own, variance)) in own().into_iter().zip(&variances).enumerate() {
            let expected = variance_of_samples(&mut *sampler.sampler(), &own, *variance);
            let found = drawn.select(1, i as i64).var(true).double_value(&[]);
            assert!((found / expected - 1.0).abs() < 0.02, "{sampler:?}, coordinate {i}: {found}, not {expected}");
        }
    }
}

/// The Laplacian of 8 x 8 pixels that are reflected at the edges, as a matrix.
fn laplacian() -> Tensor {
    let n = 8_i64;
    let mut entries = vec![0.0; (n * n * n * n) as usize];
    let at = |row: i64, column: i64| row * n + column;
    for (row, column) in (0..n).flat_map(|row| (0..n).map(move |column| (row, column))) {
        for (other_row, other_column) in [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)] {
            if (0..n).contains(&other_row) && (0..n).contains(&other_column) {
                let here = at(row, column) * n * n;
                entries[(here + at(other_row, other_column)) as usize] += 1.0;
                entries[(here + at(row, column)) as usize] -= 1.0;
            }
        }
    }
    Tensor::from_slice(&entries).view([n * n, n * n])
}

#[test]
fn a_blur_is_the_flow_of_heat() {
    let _generator = libtorch();
    let blur = Blur { width: 2.5, floor: 0.02, noise: 1.0 };
    let process = with(blur.clone(), cosine(40));
    let x0 = Tensor::randn([3, 2, 8, 8], DOUBLE);
    for t in [1.0, 12.0, 40.0] {
        let level = Level::at(&*process, t, &x0).unwrap();
        let heat: Tensor =
            (blur.heat_time(t / 40.0) * laplacian()).matrix_exp() * 0.98 + 0.02 * Tensor::eye(64, DOUBLE);
        let expected = process.signal(t) * x0.view([6, 64]).matmul(&heat.tr());
        assert!(largest(&((&level.signal * &x0).view([6, 64]) - expected)) < 1e-12, "t = {t}");
        assert!(largest(&(&level.noise * &x0 - process.noise(t) * &x0)) < 1e-12, "the noise is not blurred");
    }
    let constant = Tensor::ones([1, 1, 8, 8], DOUBLE);
    let level = Level::at(&*process, 30.0, &constant).unwrap();
    assert!(largest(&(&level.signal * &constant - process.signal(30.0))) < 1e-12, "a blur keeps the mean");
}

#[test]
fn every_parameterization_reads_its_target() {
    let _generator = libtorch();
    let images = [5, 2, 4, 6];
    for noise in [NoiseConfig::from(Blur::default()), rates(&vec![0.5; 48]).into()] {
        let process = with(noise, cosine(40));
        let (x0, eps) = (Tensor::randn(images, DOUBLE), Tensor::randn(images, DOUBLE));
        let t = Tensor::from_slice(&[1.0_f64, 3.0, 10.5, 20.0, 30.0]);
        let x_t = add_noise(&*process, &x0, &t, &eps).unwrap();
        let level = Level::of_each(&*process, &t, &x_t).unwrap();
        for entry in ParameterizationConfig::ENTRIES {
            let parameterization = ParameterizationConfig::from_name(entry.name).unwrap().build();
            let target = parameterization.target(&x0, &eps, &level);
            let output = match entry.name {
                // Half of its output is the variance, which has no target.
                "learned-variance" => Tensor::cat(&[&target, &target.zeros_like()], 1),
                _ => target,
            };
            let read = parameterization.read(&output, &x_t, &level);
            let furthest = largest(&(read.x0 - &x0)).max(largest(&(read.eps - &eps)));
            assert!(furthest < 1e-8, "{}: {furthest}", entry.name);
        }
    }
}

/// Predicts the same data whatever it sees.
struct Always(Tensor);

impl Denoiser for Always {
    fn denoise(&self, x_t: &Tensor, _t: f64) -> Result<Denoised, Error> {
        Ok(Denoised { eps: x_t.zeros_like(), x0: self.0.shallow_clone(), variance_share: None })
    }
}

/// Bansal et al. 2022, section 3.3: their algorithm 1 repeats the error of the predictor, and what algorithm 2 leaves of it is
/// `e - D(e, T)`.
#[test]
fn cold_diffusion_undoes_a_blur_better_than_the_naive_way() {
    let _generator = libtorch();
    let blur = Blur { width: 3.0, floor: 0.01, noise: 0.0 };
    let process = with(blur, EdmNoise::default());
    let x0 = Tensor::randn([2, 3, 8, 8], DOUBLE);
    let sampler = SamplerConfig::from(Ddim { steps: Some(12), ..Default::default() });
    let degraded = |x: &Tensor, t: f64| Level::at(&*process, t, x).unwrap().signal * x;
    let end = process.end();
    let x_t = degraded(&x0, end);
    assert!(largest(&(&x_t - &x0)) > 0.5);
    let (again, _) = forward_diffusion(&*process, &x0, &Tensor::from_slice(&[end; 2])).unwrap();
    assert_eq!(again, x_t, "no noise is added");
    let exact = run(&sampler, &Always(x0.shallow_clone()), &*process, &x_t);
    assert!(largest(&(exact - &x0)) < 1e-12);

    // A slight error: a gradient of brightness, and a little of everything.
    let slope = Tensor::linspace(-0.2, 0.3, 8, DOUBLE).view([1, 1, 1, 8]).expand([2, 3, 8, 8], false);
    let error = slope + 0.01 * Tensor::randn([2, 3, 8, 8], DOUBLE);
    let wrong = Always(&x0 + &error);
    let found = run(&sampler, &wrong, &*process, &x_t) - &x0;
    let expected = &error - degraded(&error, end);
    assert!(largest(&(&found - &expected)) < 1e-12);
    let times = sampler.sampler().times(&*process).unwrap();
    let naive = times[1..].iter().fold(x_t.shallow_clone(), |x, to| {
        let x0 = wrong.denoise(&x, 1.0).unwrap().x0;
        if *to > 0.0 { degraded(&x0, *to) } else { x0 }
    }) - &x0;
    assert!(largest(&(&naive - &error)) < 1e-12);
    let size = |x: &Tensor| x.square().mean(Kind::Double).sqrt().double_value(&[]);
    assert!(size(&found) < 0.5 * size(&naive), "{} against {}", size(&found), size(&naive));
    let ancestral = Ancestral { steps: Some(5), ..Default::default() };
    let refused = reverse_step(&wrong, &*process, ancestral.variance, &x_t, end, end / 2.0).unwrap_err().to_string();
    assert!(refused.contains("use ddim"), "{refused}");
}

/// A network that predicts no noise takes a coordinate to `x_T / a_i(T)`, which is far out if its rate is high.
#[test]
fn samples_may_be_as_far_out_as_the_fastest_coordinate_takes_them() {
    let samples = Tensor::from_slice(&[0.0, 1e5]).view([1, 2]);
    assert!(require_in_range(&samples, &cosine(40)).is_err());
    assert!(require_in_range(&samples, &*with(rates(&[1.0, 1.0]), cosine(40))).is_err());
    assert!(require_in_range(&samples, &*with(rates(&[1.0, 2.0]), cosine(40))).is_ok());
}

#[test]
fn what_does_not_fit_is_refused_with_what_would() {
    let _generator = libtorch();
    let process = with(rates(&[0.5, 2.0]), cosine(40));
    let mut run = Vec::new();
    for entry in SamplerConfig::ENTRIES {
        match SamplerConfig::from_name(entry.name).unwrap().sampler().times(&*process) {
            Ok(_) => run.push(entry.name),
            Err(error) => assert!(error.to_string().ends_with("these samplers do: ancestral, ddim"), "{error}"),
        }
    }
    assert_eq!(run, ["ancestral", "ddim"]);
    assert_eq!(SamplingConfig::for_process(&*with(Rates::default(), Vp::default())).sampler.name(), "ddim");
    let x = Tensor::zeros([4, 3], DOUBLE);
    let says = |error: Error| error.to_string();
    assert!(says(Level::at(&*process, 1.0, &x).unwrap_err()).contains("2 numbers each, one for each rate"));
    let blurred = with(Blur::default(), cosine(40));
    assert!(says(Level::at(&*blurred, 1.0, &x).unwrap_err()).contains("images"));
    let oracle = GaussianOracle::isotropic(&*process, &Tensor::zeros([2], DOUBLE), 1.0);
    assert!(says(oracle.denoise(&Tensor::zeros([4, 2], DOUBLE), 1.0).unwrap_err()).contains("not for rates"));
    let refused = NoiseConfig::from(Rates::default()).of(Box::new(EdmNoise::default())).err().unwrap();
    assert!(says(refused).contains("discrete or vp"));
    for (noise, field) in [
        (NoiseConfig::from(rates(&[1.0, 0.0])), "Rates.rates"),
        (Blur { floor: 0.0, ..Default::default() }.into(), "Blur.floor"),
        (Blur { width: f64::NAN, ..Default::default() }.into(), "Blur.width"),
        (Blur { noise: 2.0, ..Default::default() }.into(), "Blur.noise"),
    ] {
        assert!(says(noise.of(Box::new(cosine(40))).err().unwrap()).starts_with(field));
    }
}
