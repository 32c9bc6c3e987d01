//! The crate against PyTorch, diffusers, scikit-learn and NumPy, on the values that fixtures/make_golden.py wrote.
//!
//! A tolerance is five times or more the difference that was seen on x86-64: single precision rounds at 6e-8, and libtorch
//! picks its kernels by processor. `cargo test --test golden -- --nocapture` prints both.

mod common;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::ClosedForm;
use ddpm_tutor::prelude::*;

/// libtorch has one generator for all threads: tests that seed it take turns.
static GENERATOR: Mutex<()> = Mutex::new(());

fn take_turns() -> MutexGuard<'static, ()> {
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Golden(HashMap<String, Tensor>);

impl Golden {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{name}.safetensors"));
        Self(Tensor::read_safetensors(path).unwrap().into_iter().collect())
    }

    fn at(&self, name: &str) -> &Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("{name} is not in the fixture"))
    }

    /// A network of the fixtures' widths with the weights that stand there under `prefix`.
    fn network(&self, prefix: &str) -> Fnn {
        let model = Fnn::new(&FnnConfig { hidden_widths: vec![24, 24], ..Default::default() }, Device::Cpu).unwrap();
        let _no_grad = tch::no_grad_guard();
        for (name, mut parameter) in model.var_store().variables() {
            parameter.copy_(self.at(&format!("{prefix}.{name}")));
        }
        model
    }
}

/// The largest difference stays within `tolerance`, for values beyond 1 relative to them.
fn assert_close(what: &str, ours: &Tensor, theirs: &Tensor, tolerance: f64) {
    assert_eq!(ours.size(), theirs.size(), "{what}: shapes");
    let (ours, theirs) = (ours.to_kind(Kind::Double), theirs.to_kind(Kind::Double));
    let difference = ((&ours - &theirs).abs() / theirs.abs().clamp_min(1.0)).max().double_value(&[]);
    println!("{what}: {difference:.1e} of {tolerance:.0e}");
    assert!(difference <= tolerance, "{what}: differs by {difference:.3e}, and {tolerance:.0e} is allowed");
}

/// The same, relative to values of any size.
fn assert_relatively_close(what: &str, ours: &Tensor, theirs: &Tensor, tolerance: f64) {
    let scale = theirs.to_kind(Kind::Double).abs().clamp_min(1e-30);
    assert_close(what, &(ours.to_kind(Kind::Double) / &scale), &(theirs.to_kind(Kind::Double) / &scale), tolerance);
}

fn constants(schedule: &str, timesteps: usize, sample_dims: usize) -> ConstantsManager {
    let schedule = if schedule == "linear" { NoiseSchedule::from(LinearSchedule) } else { CosineSchedule.into() };
    ConstantsManager::from_betas(&schedule.build().betas(timesteps).unwrap(), sample_dims, Device::Cpu).unwrap()
}

#[test]
fn the_network_and_its_time_embedding_are_those_of_the_original() {
    let golden = Golden::read("network");
    let (x, t) = (golden.at("x"), golden.at("t"));
    // The sine of an angle of 1000 in single precision: the angle itself is off by up to 3e-5.
    assert_close("time embedding", &TimeEmbedding::new(16, Device::Cpu).forward(t), golden.at("embedding"), 1e-5);
    for name in ["net40", "net1000"] {
        assert_close(
            name,
            &golden.network(name).forward(x, t, &Given::default()),
            golden.at(&format!("{name}.eps")),
            1e-5,
        );
    }

    let _turn = take_turns();
    let model = Fnn::new(&FnnConfig::default(), Device::Cpu).unwrap();
    let _no_grad = tch::no_grad_guard();
    for (_, mut parameter) in model.var_store().variables() {
        let shape = parameter.size();
        let scale = 1.0 / (shape[shape.len() - 1] as f64).sqrt();
        let values: Vec<f64> = (1..=parameter.numel()).map(|k| (1.7 * k as f64).sin() * scale).collect();
        parameter.copy_(&Tensor::from_slice(&values).view(&shape[..]));
    }
    assert_close("default widths", &model.forward(x, t, &Given::default()), golden.at("default.eps"), 1e-5);
}

/// `sigma_t^2` of the posterior, from what a step adds to zeros in which there is no noise to see.
fn variance_of_the_step(constants: &ConstantsManager, t: f64) -> f64 {
    struct Still;
    impl Denoiser for Still {
        fn denoise(&self, x_t: &Tensor, _t: f64) -> Result<Denoised, Error> {
            Ok(Denoised { x0: x_t.shallow_clone(), eps: x_t.zeros_like(), variance_share: None })
        }
    }
    let zeros = Tensor::zeros([1], (Kind::Double, Device::Cpu));
    tch::manual_seed(7);
    let z = zeros.randn_like();
    tch::manual_seed(7);
    let step = reverse_step(&Still, constants, ReverseVariance::Posterior, &zeros, t, t - 1.0).unwrap();
    (step.x / z).square().double_value(&[0])
}

#[test]
fn schedules_and_constants_are_those_of_diffusers() {
    let _turn = take_turns();
    let golden = Golden::read("schedules");
    for (schedule, timesteps) in [("linear", 40), ("cosine", 40), ("linear", 1000), ("cosine", 1000)] {
        let constants = constants(schedule, timesteps, 1);
        let at = |name: &str| golden.at(&format!("{schedule}.{timesteps}.{name}"));
        let t = at("t");
        let each = |f: &dyn Fn(usize) -> f64| {
            let t: Vec<i64> = t.try_into().unwrap();
            Tensor::from_slice(&t.iter().map(|t| f(*t as usize)).collect::<Vec<f64>>())
        };
        let what = |name: &str| format!("{schedule} T = {timesteps}: {name}");
        // In double precision on both sides; 1 - alpha rounds at 1e-16, and the smallest beta is 4e-5.
        let (beta, alpha_bar) = (each(&|t| constants.beta(t)), each(&|t| constants.alpha_cumulative(t)));
        assert_relatively_close(&what("beta"), &beta, at("beta"), 1e-11);
        assert_relatively_close(&what("alpha_bar"), &alpha_bar, at("alpha_bar"), 1e-11);
        let variance = each(&|t| variance_of_the_step(&constants, t as f64));
        assert_relatively_close(&what("sigma^2"), &variance, at("posterior_variance"), 1e-10);

        let flat = |x: Result<Tensor, Error>| x.unwrap().view([-1]);
        let stored = [
            ("beta", flat(constants.beta_at(t))),
            ("alpha_bar", flat(constants.alpha_cumulative_at(t))),
            ("posterior_variance", flat(constants.posterior_variance_at(t))),
            ("posterior_mean_x0", flat(constants.posterior_mean_x0_at(t))),
            ("posterior_mean_x_t", flat(constants.posterior_mean_x_t_at(t))),
        ];
        for (name, ours) in stored {
            assert_relatively_close(&what(&format!("{name}, stored")), &ours, at(name), 1e-7);
        }
        // diffusers multiplies in single precision: a beta of 0.999 and the thousandth product are rounded the most.
        assert_close(&what("diffusers' beta"), &beta, at("diffusers.beta"), 2e-7);
        assert_close(&what("diffusers' alpha_bar"), &alpha_bar, at("diffusers.alpha_bar"), 2e-6);
    }
}

#[test]
fn forward_diffusion_is_add_noise_of_diffusers() {
    let _turn = take_turns();
    let golden = Golden::read("forward");
    for (kind, dims) in [("points", 1), ("images", 3)] {
        for schedule in ["linear", "cosine"] {
            let at = |name: &str| golden.at(&format!("{kind}.{schedule}.{name}"));
            tch::manual_seed(11);
            let (x_t, eps) = forward_diffusion(&constants(schedule, 40, dims), at("x0"), at("t")).unwrap();
            assert_close(&format!("{kind}, {schedule}: eps of the seed"), &eps, at("eps"), 1e-6);
            assert_close(&format!("{kind}, {schedule}: x_t"), &x_t, at("x_t"), 1e-5);
        }
    }
}

#[test]
fn whole_reverse_chains_are_those_of_diffusers() {
    let _turn = take_turns();
    let (golden, networks) = (Golden::read("chains"), Golden::read("network"));
    for (schedule, timesteps) in [("linear", 40), ("cosine", 40), ("linear", 1000)] {
        let model = Model::new(networks.network(&format!("net{timesteps}")));
        for (name, variance) in [("fixed_large", ReverseVariance::Beta), ("fixed_small", ReverseVariance::Posterior)] {
            let constants = constants(schedule, timesteps, 1);
            let at = |part: &str| golden.at(&format!("{schedule}.{timesteps}.{name}.{part}"));
            let what = |part: &str| format!("{schedule} T = {timesteps} {name}: {part}");
            let x_0 = at("x_0");
            tch::manual_seed(21);
            let noise = Tensor::randn(x_0.size(), tch::kind::FLOAT_CPU);
            let (mut sampler, denoiser) = (Ancestral::with_variance(variance), model.denoiser(&constants));
            let chain = Chain::new(&mut sampler, &denoiser, &constants, noise).unwrap();
            let chain: Vec<ChainState> = chain.collect::<Result<_, Error>>().unwrap();
            let kept: Vec<i64> = at("t").try_into().unwrap();
            for (i, t) in kept.into_iter().enumerate() {
                let (row, state) = (i as i64, &chain[timesteps - t as usize]);
                assert_eq!(state.t as i64, t);
                // The clipped last beta of the cosine schedule magnifies rounding 32 times in the first step.
                assert_close(&what(&format!("x_{t}")), &state.x_t, &at("x_t").get(row), 2e-5);
                let predicted = &at("predicted_x0").get(row);
                // What x_t may differ by, and rounding, both divided by the signal.
                let tolerance = (2e-5 + 1e-5) / constants.alpha_cumulative(t as usize).sqrt();
                assert_close(&what(&format!("x_0 seen from x_{t}")), &state.predicted_x0, predicted, tolerance);
            }
            assert_close(&what("x_0"), &chain[timesteps].x_t, x_0, 1e-5);
        }
    }
}

#[test]
fn ten_steps_of_adamw_and_the_moving_average_are_those_of_pytorch_and_numpy() {
    let _turn = take_turns();
    let golden = Golden::read("optimizer");
    let model = Golden::read("network").network("net40");
    let settings: Vec<f64> = golden.at("settings").try_into().unwrap();
    let [learning_rate, weight_decay, limit, ema_decay] = settings[..] else { panic!("four settings are wanted") };
    let training = TrainingConfig {
        learning_rate,
        learning_rate_schedule: LearningRateSchedule::Constant,
        weight_decay,
        ema_decay,
        gradient_clipping: Some(limit),
        ..Default::default()
    };
    let mut state = TrainingState::new(&model, &BaseConfig::default(), &training).unwrap();
    let norms: Vec<f64> = golden.at("norms").try_into().unwrap();
    assert!(norms.iter().any(|norm| *norm > limit) && norms.iter().any(|norm| *norm < limit), "{norms:?}");
    for (k, expected) in norms.into_iter().enumerate() {
        let [x_t, t, eps] = ["x_t", "t", "eps"].map(|name| golden.at(name).get(k as i64));
        let loss = (eps - model.forward(&x_t, &t, &Given::training())).square().mean(Kind::Float);
        state.begin_step(10);
        let norm = state.descend("", &loss).unwrap().grad_norm.unwrap();
        assert!((norm / expected - 1.0).abs() < 1e-5, "step {}: gradient norm {norm}, {expected} expected", k + 1);
    }
    let compare = |prefix: &str| {
        for (name, parameter) in model.var_store().variables() {
            let name = format!("{prefix}.{name}");
            assert_close(&name, &parameter.detach(), golden.at(&name), 1e-5);
        }
    };
    compare("after");
    state
        .with_averaged_weights(|| {
            compare("ema");
            Ok(())
        })
        .unwrap();
    compare("after");
}

#[test]
fn the_sliced_wasserstein_distance_is_that_of_numpy() {
    let _turn = take_turns();
    let golden = Golden::read("points");
    let expected: Vec<f64> = golden.at("sw.mean_and_std_of_squares").try_into().unwrap();
    let seeds = 40;
    let square = |seed| sliced_wasserstein(golden.at("sw.a"), golden.at("sw.b"), seed).unwrap().powi(2);
    let ours = (0..seeds).map(square).sum::<f64>() / seeds as f64;
    // Other directions than NumPy's, 500 a seed: five standard errors.
    let tolerance = 5.0 * expected[1] / (500.0 * seeds as f64).sqrt();
    assert!((ours - expected[0]).abs() < tolerance, "{ours} is not within {tolerance:.4} of {}", expected[0]);
    assert_eq!(sliced_wasserstein(golden.at("sw.a"), golden.at("sw.a"), 0).unwrap(), 0.0);
}

#[test]
fn the_swiss_roll_is_that_of_scikit_learn_from_its_side() {
    let theirs = Golden::read("points").at("swiss_roll").shallow_clone();
    let curve = SwissRoll::default().curve(theirs.size()[0] as usize).unwrap();
    let ours = Tensor::from_slice(&curve.into_iter().flatten().collect::<Vec<f64>>()).view([-1, 2]);
    assert_close("Swiss roll", &ours, &theirs, 1e-12);
}

/// Whole chains of diffusers, of a network that predicts the noise, the data or the velocity (fixtures/make_predictions.py).
#[test]
fn what_a_network_predicts_is_read_as_diffusers_reads_it() {
    let _turn = take_turns();
    let golden = Golden::read("predictions");
    let constants = constants("linear", 1000, 1);
    let samplers = [
        ("ddim", 1, SamplerConfig::from(Ddim { steps: Some(10), layout: Trailing.into(), eta: 0.0 })),
        ("sde-dpm-solver++2m", 2, SdeDpmSolverPp2m::new(10, Trailing).into()),
    ];
    for (sampler, seed, config) in samplers {
        for parameterization in ["eps", "x0", "v"] {
            let network = ClosedForm::new(&[2], |x, t| {
                0.4 * x.tanh() + 0.1 * (t.to_kind(Kind::Float) / 100.0).sin().unsqueeze(1)
            });
            let meant = ParameterizationConfig::from_name(parameterization).unwrap();
            let model = network.with_parameterization(meant.build());
            let denoiser = model.denoiser(&constants);
            tch::manual_seed(seed);
            let x_t = Tensor::randn([6, 2], (Kind::Double, Device::Cpu));
            let mut sampler_itself = config.sampler();
            let chain = Chain::new(&mut *sampler_itself, &denoiser, &constants, x_t).unwrap();
            let states: Vec<Tensor> = chain.map(|state| state.unwrap().x_t).collect();
            let name = format!("{sampler}.{parameterization}");
            assert_close(&name, &Tensor::stack(&states, 0), golden.at(&name), 2e-5);
        }
    }
}

/// Whole chains of diffusers' schedulers, but for the last step (fixtures/make_samplers.py).
#[test]
fn solvers_take_the_steps_of_diffusers() {
    let _turn = take_turns();
    let golden = Golden::read("samplers");
    let constants = constants("linear", 1000, 1);
    let network =
        ClosedForm::new(&[2], |x, t| 0.4 * x.tanh() + 0.1 * (t.to_kind(Kind::Float) / 100.0).sin().unsqueeze(1));
    let model = network.with_parameterization(ParameterizationConfig::default().build());
    let denoiser = model.denoiser(&constants);
    let named = |name: &str| SamplerConfig::from_name(name).unwrap();
    let solvers = ["ddim", "heun", "deis", "dpm-solver++2m", "unipc", "sde-dpm-solver++2m", "ancestral"];
    let with_settings = [
        // Euler's method with ancestral noise in diffusers.
        ("annealed", ConsistentAnnealed { power: 2.0, ..Default::default() }.into()),
        ("ancestral, posterior", Ancestral::with_variance(ReverseVariance::Posterior).into()),
    ];
    for (name, config) in solvers.map(|name| (name, named(name))).into_iter().chain(with_settings) {
        let mut sampler = config.with_setting("steps", serde_json::json!(10)).unwrap().sampler();
        tch::manual_seed(1);
        let x_t = Tensor::randn([6, 2], (Kind::Double, Device::Cpu));
        let chain = Chain::new(&mut *sampler, &denoiser, &constants, x_t).unwrap();
        let states: Vec<Tensor> = chain.take(10).map(|state| state.unwrap().x_t).collect();
        assert_close(name, &Tensor::stack(&states, 0), golden.at(name), 2e-5);
    }

    // The levels of a process that keeps the signal, with corrections.
    let scales = NoiseScales { steps: 10, sigma_min: 0.01, sigma_max: 50.0 };
    let mut sampler = SamplerConfig::from(PredictorCorrector { corrections: 2, ..Default::default() }).sampler();
    tch::manual_seed(1);
    let noise: Tensor = 50.0 * Tensor::randn([6, 2], (Kind::Double, Device::Cpu));
    let denoiser = model.denoiser(&scales);
    let chain = Chain::new(&mut *sampler, &denoiser, &scales, noise).unwrap();
    let states: Vec<Tensor> = chain.take(10).map(|state| state.unwrap().x_t).collect();
    let theirs = golden.at("predictor-corrector");
    assert_close("predictor-corrector", &Tensor::stack(&states, 0), theirs, 2e-5);
}
