//! Solvers of the reverse SDE: their moments on Gaussian data, and their distance from the exact solution with the same noise.

mod common;

use common::libtorch;
use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

/// The drift of the reverse SDE of Song et al. 2021, equation 6, in the direction of sampling.
fn drift(d: &dyn Denoiser, p: &dyn Process, x: &Tensor, t: f64) -> Tensor {
    let score: Tensor = -d.denoise(x, t).unwrap().eps / p.noise(t);
    -p.drift(t) * x + p.diffusion(t).powi(2) * score
}

type StepOfTest = fn(&dyn Denoiser, &dyn Process, &Tensor, f64, f64, &BrownianIncrements) -> Tensor;

/// A step that is written in this file, as a sampler.
#[derive(Debug)]
struct InTest(StepOfTest);

impl Sampler for InTest {
    fn times(&mut self, _process: &dyn Process) -> Result<Vec<f64>, Error> {
        Err(Error::Unsupported("the tests lay out the steps".to_owned()))
    }

    fn step(&mut self, d: &dyn Denoiser, p: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step, Error> {
        let x = (self.0)(d, p, x, from, to, &BrownianIncrements::draw(x, from - to));
        Ok(Step { predicted_x0: x.shallow_clone(), x })
    }
}

const EULER_MARUYAMA: StepOfTest =
    |d, p, x, from, to, noise| EulerMaruyama::step_along(d, p, x, (from, to), &noise.dw).unwrap().x;

const ITO_TAYLOR: StepOfTest = |d, p, x, from, to, noise| ItoTaylor::step_along(d, p, x, (from, to), noise).unwrap().x;

/// Wrong: `dZ` has its variance, but knows nothing of `dW`.
const INDEPENDENT: StepOfTest = |d, p, x, from, to, noise| {
    let (dw, dz) = (noise.dw.shallow_clone(), (from - to).powf(1.5) / 3.0_f64.sqrt() * x.randn_like());
    ITO_TAYLOR(d, p, x, from, to, &BrownianIncrements { dw, dz })
};

/// Wrong: `dZ` is what `dW` alone says of it.
const EXPECTED: StepOfTest = |d, p, x, from, to, noise| {
    let (dw, dz) = (noise.dw.shallow_clone(), (from - to) / 2.0 * &noise.dw);
    ITO_TAYLOR(d, p, x, from, to, &BrownianIncrements { dw, dz })
};

/// Wrong: Heun's method with other noise in the corrector than in the predictor.
const FRESH_IN_THE_CORRECTOR: StepOfTest = |d, p, x, from, to, noise| {
    let (h, g) = (from - to, p.diffusion((from + to) / 2.0));
    let slope = drift(d, p, x, from);
    let ahead = x + h * &slope + g * &noise.dw;
    x + h / 2.0 * (slope + drift(d, p, &ahead, to)) + g * h.sqrt() * x.randn_like()
};

/// Wrong: Heun's method with the noise of the beginning of the step.
const EARLY_NOISE: StepOfTest = |d, p, x, from, to, noise| {
    let (h, g) = (from - to, p.diffusion(from));
    let slope = drift(d, p, x, from);
    let ahead = x + h * &slope + g * &noise.dw;
    x + h / 2.0 * (slope + drift(d, p, &ahead, to)) + g * &noise.dw
};

/// The relative error of the variance of samples of `N(0, 0.25)`, after `count` equal steps of VP from 1 to 0 or, since a denoiser cannot be called
/// there, to 1e-6. A step takes `x` to `c x + w_1 z_1 + w_2 z_2 + …`, so that `V = c^2 V + w_1^2 + w_2^2 + …`
fn error_of_variance(sampler: &mut dyn Sampler, count: u32) -> f64 {
    let (vp, variance) = (Vp::default(), 0.25);
    let oracle = GaussianOracle::isotropic(&vp, &Tensor::zeros([1], DOUBLE), variance);
    let times: Vec<f64> = (0..=count).map(|i| (1.0 - f64::from(i) / f64::from(count)).max(1e-6)).collect();
    // The same noise in each step, so that the factors come from three rows of x.
    const DRAWS: i64 = 3;
    let start = |of: f64| Tensor::full([DRAWS, 1], of, DOUBLE);
    let noise = || {
        tch::manual_seed(5);
        let draws: Vec<Tensor> = (0..DRAWS).map(|_| start(0.0).randn_like().view([DRAWS])).collect();
        Tensor::stack(&draws, 1)
    };
    let inverse = noise().inverse();
    let mut of_samples = 1.0;
    for pair in times.windows(2) {
        let mut step = |of: f64| {
            tch::manual_seed(5);
            sampler.step(&oracle, &vp, &start(of), pair[0], pair[1]).unwrap().x
        };
        let of_zero = step(0.0);
        let kept = (step(1.0) - &of_zero).double_value(&[0, 0]);
        let added = inverse.matmul(&of_zero).square().sum(Kind::Double).double_value(&[]);
        of_samples = kept.powi(2) * of_samples + added;
    }
    (of_samples / variance - 1.0).abs()
}

#[test]
fn the_variances_of_gaussian_data_are_those_of_the_closed_form() {
    let _guard = libtorch();
    let of = |sampler: &mut dyn Sampler| [100, 200].map(|count| error_of_variance(sampler, count));
    let [error, halved] = of(&mut EulerMaruyama::default());
    assert!((error - 1.50e-2).abs() < 5e-5 && (error / halved - 2.0).abs() < 0.1, "{error} {halved}");
    let [error, halved] = of(&mut ReverseDiffusion::default());
    assert!((error - 6.07e-2).abs() < 5e-5 && (error / halved - 2.0).abs() < 0.1, "{error} {halved}");
    let [error, halved] = of(&mut SdeHeun::default());
    assert!((error - 1.57e-3).abs() < 5e-6 && (error / halved - 4.0).abs() < 0.2, "{error} {halved}");
    let [error, halved] = of(&mut ItoTaylor::default());
    assert!((error - 7.89e-4).abs() < 5e-6 && (error / halved - 4.0).abs() < 0.2, "{error} {halved}");
    for wrong in [INDEPENDENT, FRESH_IN_THE_CORRECTOR, EARLY_NOISE] {
        let [error, halved] = of(&mut InTest(wrong));
        assert!(error / halved < 3.0, "{error} {halved}");
    }
}

/// The root mean square distance from the path of 2048 steps with the same noise, for two clouds in the plane and each number of steps.
fn errors_of_paths(step: StepOfTest, counts: &[usize]) -> Vec<f64> {
    const FINEST: usize = 2048;
    let vp = Vp::default();
    let means = Tensor::from_slice(&[0.7, 0.2, -0.7, 0.0]).view([2, 2]);
    let oracle = MixtureOracle::of_gaussians(&vp, &means, &[0.2, 0.2], &[1.0, 2.0]).unwrap();
    let (start, end) = (1.0, 0.05);
    let h = (start - end) / FINEST as f64;
    tch::manual_seed(6);
    let x = Tensor::randn([500, 2], DOUBLE);
    let path: Vec<BrownianIncrements> = (0..FINEST).map(|_| BrownianIncrements::draw(&x, h)).collect();
    let walk = |step: StepOfTest, count: usize| {
        let length = FINEST / count;
        let time = |i: usize| start - (i * length) as f64 * h;
        path.chunks(length).enumerate().fold(x.shallow_clone(), |x, (i, parts)| {
            let mut whole = BrownianIncrements { dw: x.zeros_like(), dz: x.zeros_like() };
            for part in parts {
                whole.dz = whole.dz + h * &whole.dw + &part.dz;
                whole.dw += &part.dw;
            }
            step(&oracle, &vp, &x, time(i), time(i + 1), &whole)
        })
    };
    let exact = walk(ITO_TAYLOR, FINEST);
    counts
        .iter()
        .map(|count| (walk(step, *count) - &exact).square().mean(Kind::Double).double_value(&[]).sqrt())
        .collect()
}

#[test]
fn the_paths_of_ito_taylor_are_of_order_one_and_a_half() {
    let _guard = libtorch();
    let order = |step: StepOfTest| {
        let errors = errors_of_paths(step, &[64, 256]);
        (errors[0] / errors[1]).log2() / 2.0
    };
    let found = order(ITO_TAYLOR);
    assert!((1.35..1.9).contains(&found), "{found}");
    for other in [EULER_MARUYAMA, INDEPENDENT, EXPECTED, EARLY_NOISE] {
        let found = order(other);
        assert!((0.4..1.2).contains(&found), "{found}");
    }
}

#[test]
fn increments_vary_together_as_those_of_brownian_motion() {
    let _guard = libtorch();
    tch::manual_seed(8);
    let (x, h) = (Tensor::zeros([400_000, 1], DOUBLE), 0.3_f64);
    let BrownianIncrements { dw, dz } = BrownianIncrements::draw(&x, h);
    let mean = |of: &Tensor| of.mean(Kind::Double).double_value(&[]);
    let moments = [(mean(&dw.square()), h), (mean(&(&dw * &dz)), h * h / 2.0), (mean(&dz.square()), h.powi(3) / 3.0)];
    assert!(moments.iter().all(|(found, expected)| (found / expected - 1.0).abs() < 0.01), "{moments:?}");
    assert!(mean(&dw).abs() < 0.003 && mean(&dz).abs() < 0.001);
}

/// The formulas of the paper for its two processes: Song et al. 2021, appendix E, equations 46 and 47.
#[test]
fn reverse_diffusion_and_ancestral_steps_are_those_of_the_paper() {
    let _guard = libtorch();
    let step = |sampler: &mut dyn Sampler, process: &dyn Process, from: f64, to: f64| {
        let oracle = GaussianOracle::isotropic(process, &Tensor::from_slice(&[0.3]), 0.25);
        tch::manual_seed(4);
        let (x, z) = (Tensor::randn([9, 1], DOUBLE), Tensor::randn([9, 1], DOUBLE));
        tch::manual_seed(4);
        let _x = Tensor::randn([9, 1], DOUBLE);
        let found = sampler.step(&oracle, process, &x, from, to).unwrap().x;
        let score: Tensor = -oracle.denoise(&x, from).unwrap().eps / process.noise(from);
        (found, x, score, z)
    };
    let close = |a: Tensor, b: Tensor| (a - b).abs().max().double_value(&[]) < 1e-12;
    let betas = LinearSchedule.betas(100).unwrap();
    let vp = ConstantsManager::from_betas(&betas, 1, Device::Cpu).unwrap();
    let (found, x, score, z) = step(&mut ReverseDiffusion::default(), &vp, 60.0, 59.0);
    let beta = betas[59];
    assert!(close(found, (2.0 - (1.0 - beta).sqrt()) * x + beta * score + beta.sqrt() * z));
    let (found, x, score, z) = step(&mut Ancestral::default(), &vp, 60.0, 59.0);
    assert!(close(found, (x + beta * score) / (1.0 - beta).sqrt() + beta.sqrt() * z));
    let ve = Ve::default();
    let [s2, s2_to] = [0.6, 0.55].map(|t| ve.noise(t).powi(2));
    let (found, x, score, z) = step(&mut ReverseDiffusion::default(), &ve, 0.6, 0.55);
    assert!(close(found, x + (s2 - s2_to) * score + (s2 - s2_to).sqrt() * z));
    let (found, x, score, z) = step(&mut Ancestral::with_variance(ReverseVariance::Posterior), &ve, 0.6, 0.55);
    assert!(close(found, x + (s2 - s2_to) * score + (s2_to * (s2 - s2_to) / s2).sqrt() * z));
}

/// On all processes and with all layouts that fit them, samples of Gaussian data have about the moments that the last step leaves.
#[test]
fn they_run_on_every_process() {
    let _guard = libtorch();
    for entry in ProcessConfig::ENTRIES {
        let config = ProcessConfig::from_name(entry.name).unwrap();
        let process = config.build().process().unwrap();
        let oracle = GaussianOracle::isotropic(&*process, &Tensor::from_slice(&[0.3]), 0.25);
        for layout in StepLayoutConfig::ENTRIES {
            for name in ["euler-maruyama", "reverse-diffusion", "sde-heun", "ito-taylor"] {
                let json = serde_json::json!({ "name": name, "steps": 200, "layout": layout.name });
                let mut sampler = serde_json::from_value::<SamplerConfig>(json).unwrap().sampler();
                tch::manual_seed(9);
                let noise = process.noise_at_end() * Tensor::randn([8_000, 1], DOUBLE);
                let none = &mut InferenceLogger::new(InferType::None);
                let of_layout = StepLayoutConfig::from_name(layout.name).unwrap().properties();
                let fits = (process.steps().is_some() || !of_layout.needs_steps)
                    && (process.signal(process.end()) > 0.0 || !of_layout.needs_signal)
                    && (process.steps().is_none_or(|all| all >= 200) || !of_layout.visits_steps);
                let times = sampler.times(&*process);
                assert_eq!(times.is_ok(), fits, "{name} on {} with {}", entry.name, layout.name);
                let Ok(times) = times else { continue };
                let x = run_chain(&mut *sampler, &oracle, &*process, noise, none).unwrap();
                let (mean, variance) = (x.mean(Kind::Double).double_value(&[]), x.var(true).double_value(&[]));
                let what = format!("{name} on {} with {}: {mean} {variance}", entry.name, layout.name);
                // The last step returns the predicted data, which varies less.
                let (a, s) = (process.signal(times[199]), process.noise(times[199]));
                let expected = (a * 0.25).powi(2) / (a * a * 0.25 + s * s);
                let is_of_order_1 = ["euler-maruyama", "reverse-diffusion"].contains(&name);
                if is_of_order_1 && s > 0.3 {
                    // The last step is as long as the data is wide.
                    assert!(variance < 1.0, "{what}");
                    continue;
                }
                let (of_mean, of_variance) = if is_of_order_1 { (0.06, 0.2) } else { (0.03, 0.1) };
                // Otherwise the chain does not start from the distribution of x_T.
                if !config.properties().ends_with_noise {
                    continue;
                }
                let is_close = (mean - 0.3).abs() < of_mean && (variance / expected - 1.0).abs() < of_variance;
                assert!(is_close, "{what}, {expected}");
            }
        }
    }
    let oracle = GaussianOracle::isotropic(&Flow, &Tensor::zeros([1], DOUBLE), 0.25);
    let later = SdeHeun::default().step(&oracle, &Flow, &Tensor::ones([1, 1], DOUBLE), 0.2, 0.4);
    assert!(later.unwrap_err().to_string().contains("back"));
}
