//! Algorithm 2 against networks in closed form, whose samples are known; and what does not fit together is refused.

mod common;

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::rc::Rc;

use common::{ClosedForm, bits, libtorch};
use ddpm_tutor::prelude::*;

const T: usize = 40;

fn constants(schedule: &dyn Schedule, timesteps: usize) -> ConstantsManager {
    let betas = schedule.betas(timesteps).unwrap();
    ConstantsManager::from_betas(&betas, 1, Device::Cpu).unwrap()
}

fn draw(model: &Model, constants: &ConstantsManager, variance: ReverseVariance, n: i64, seed: u64) -> Tensor {
    let (mut sampler, mut none) = (Ancestral::with_variance(variance), InferenceLogger::new(InferType::None));
    generate_samples_with(&mut sampler, model, constants, n, seed, &mut none).unwrap()
}

/// All states of the chain from `noise`.
fn chain(model: &Model, constants: &ConstantsManager, variance: ReverseVariance, noise: Tensor) -> Vec<ChainState> {
    let (mut sampler, denoiser) = (Ancestral::with_variance(variance), model.denoiser(constants));
    Chain::new(&mut sampler, &denoiser, constants, noise).unwrap().map(Result::unwrap).collect()
}

/// `sigma_t`, as section 3.2 of Ho et al. 2020 has it; the last step adds no noise.
fn sigma(constants: &ConstantsManager, variance: ReverseVariance, t: usize) -> f64 {
    let (prev, now) = (constants.alpha_cumulative(t - 1), constants.alpha_cumulative(t));
    match (t, variance) {
        (1, _) => 0.0,
        (_, ReverseVariance::Beta) => constants.beta(t).sqrt(),
        (_, other) => {
            assert_eq!(other, ReverseVariance::Posterior);
            ((1.0 - prev) / (1.0 - now) * constants.beta(t)).sqrt()
        }
    }
}

/// `alpha_bar_t` of the timestep that a whole batch has.
fn alpha_bar(constants: &[f64], t: &Tensor) -> f64 {
    assert_eq!(t.min(), t.max());
    constants[t.int64_value(&[0]) as usize - 1]
}

fn alpha_bars(constants: &ConstantsManager) -> Vec<f64> {
    (1..=constants.timesteps()).map(|t| constants.alpha_cumulative(t)).collect()
}

fn std(x: &Tensor) -> f64 {
    x.to_kind(Kind::Double).std(true).double_value(&[])
}

#[test]
fn the_chain_goes_from_t_to_0_and_asks_the_network_once_a_step() {
    let _generator = libtorch();
    for timesteps in [1, 2, T] {
        let constants = constants(&CosineSchedule, timesteps);
        let asked = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&asked);
        let model = ClosedForm::new(&[2], move |x, t| {
            assert_eq!((t.kind(), t.size()), (Kind::Int64, vec![x.size()[0]]));
            log.borrow_mut().push(t.int64_value(&[0]) as usize);
            x.zeros_like()
        });
        let noise = Tensor::randn([5, 2], (Kind::Float, Device::Cpu));
        let (mut sampler, denoiser) = (Ancestral::default(), model.denoiser(&constants));
        let mut chain = Chain::new(&mut sampler, &denoiser, &constants, noise.shallow_clone()).unwrap();
        let states: Vec<ChainState> = chain.by_ref().map(Result::unwrap).collect();
        assert!(chain.next().is_none(), "the chain has ended");
        assert_eq!(
            states.iter().map(|state| state.t).collect::<Vec<_>>(),
            (0..=timesteps).rev().map(|t| t as f64).collect::<Vec<_>>()
        );
        assert_eq!(*asked.borrow(), (1..=timesteps).rev().collect::<Vec<_>>());
        assert_eq!(states[0].x_t, noise);
        let last = &states[timesteps];
        assert_eq!(last.x_t, last.predicted_x0);
        // A network that sees no noise: each step divides by sqrt(alpha_t) and adds noise of sigma_t; the last adds none.
        let without_noise = &states[timesteps - 1].x_t / (1.0 - constants.beta(1)).sqrt();
        assert!((without_noise - &last.x_t).abs().max().double_value(&[]) < 1e-5, "no noise at t = 1");
    }
}

#[test]
fn each_step_but_the_last_adds_noise_of_sigma() {
    let _generator = libtorch();
    for variance in [ReverseVariance::Beta, ReverseVariance::Posterior] {
        let constants = constants(&LinearSchedule, T);
        let model = ClosedForm::new(&[1], |x, _| x.zeros_like());
        tch::manual_seed(3);
        let noise = Tensor::randn([20_000, 1], (Kind::Float, Device::Cpu));
        let states = chain(&model, &constants, variance, noise);
        for pair in states.windows(2) {
            let t = pair[0].t as usize;
            let added = &pair[1].x_t - &pair[0].x_t / (1.0 - constants.beta(t)).sqrt();
            let expected = sigma(&constants, variance, t);
            assert!((std(&added) - expected).abs() < 0.03 * expected + 1e-4, "{variance:?}, t = {t}: {}", std(&added));
        }
    }
}

#[test]
fn the_seed_decides_the_samples() {
    let _generator = libtorch();
    let constants = constants(&CosineSchedule, T);
    let model = ClosedForm::new(&[2], |x, _| x * 0.5);
    let first = draw(&model, &constants, ReverseVariance::Beta, 30, 8);
    assert_eq!(first.size(), [30, 2]);
    let _noise_in_between = Tensor::randn([100], (Kind::Float, Device::Cpu));
    assert_eq!(bits(&first), bits(&draw(&model, &constants, ReverseVariance::Beta, 30, 8)));
    assert_ne!(bits(&first), bits(&draw(&model, &constants, ReverseVariance::Beta, 30, 9)));
}

#[test]
fn a_perfect_network_for_one_point_leads_every_sample_there() {
    let _generator = libtorch();
    for (schedule, variance) in [
        (&LinearSchedule as &dyn Schedule, ReverseVariance::Beta),
        (&CosineSchedule, ReverseVariance::Beta),
        (&CosineSchedule, ReverseVariance::Posterior),
    ] {
        let constants = constants(schedule, T);
        let (bars, point) = (alpha_bars(&constants), Tensor::from_slice(&[0.7_f32, -1.2]));
        let target = point.shallow_clone();
        let model = ClosedForm::new(&[2], move |x_t, t| {
            let bar = alpha_bar(&bars, t);
            (x_t - &target * bar.sqrt()) / (1.0 - bar).sqrt()
        });
        let samples = draw(&model, &constants, variance, 500, 4);
        let furthest = (samples - &point).abs().max().double_value(&[]);
        assert!(furthest < 1e-4, "{schedule:?}, {variance:?}: {furthest}");
        let noise = Tensor::randn([50, 2], (Kind::Float, Device::Cpu));
        for state in chain(&model, &constants, variance, noise).into_iter().filter(|state| state.t < T as f64) {
            let furthest = (state.predicted_x0 - &point).abs().max().double_value(&[]);
            assert!(furthest < 1e-3, "predicted x_0 at t = {}: {furthest}", state.t);
        }
    }
}

/// For x_0 ~ N(0, s^2) the best prediction is E[eps | x_t] = sqrt(1 - alpha_bar) x_t / (alpha_bar s^2 + 1 - alpha_bar).
#[test]
fn the_best_network_for_gaussian_data_draws_gaussian_samples() {
    let _generator = libtorch();
    for (s, variance) in [(0.5, ReverseVariance::Beta), (0.5, ReverseVariance::Posterior), (1.0, ReverseVariance::Beta)]
    {
        let constants = constants(&LinearSchedule, 400);
        let bars = alpha_bars(&constants);
        let slope = move |bar: f64| (1.0 - bar).sqrt() / (bar * s * s + 1.0 - bar);
        // Algorithm 2 on variances: what these finite steps give, sampling error apart.
        let mut expected = 1.0;
        for t in (1..=400).rev() {
            let (bar, beta) = (constants.alpha_cumulative(t), constants.beta(t));
            let factor = (1.0 - beta / (1.0 - bar).sqrt() * slope(bar)) / (1.0 - beta).sqrt();
            expected = factor * factor * expected + sigma(&constants, variance, t).powi(2);
        }
        let model = ClosedForm::new(&[1], move |x_t, t| x_t * slope(alpha_bar(&bars, t)));
        // As its configuration says it.
        let sampler = SamplerConfig::Ancestral(Ancestral::with_variance(variance));
        let model = model.with_sampling(SamplingConfig { sampler, ..Default::default() });
        let mut none = InferenceLogger::new(InferType::None);
        let samples = generate_samples(&model, &constants, 20_000, 6, &mut none).unwrap();
        let found = std(&samples);
        assert!(
            (found / expected.sqrt() - 1.0).abs() < 0.025,
            "s = {s}, {variance:?}: {found}, not {}",
            expected.sqrt()
        );
        assert!((found / s - 1.0).abs() < 0.05, "s = {s}, {variance:?}: {found}");
        assert!(samples.mean(Kind::Double).double_value(&[]).abs() < 5.0 * s / 20_000_f64.sqrt());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let _generator = libtorch();
    let float = (Kind::Float, Device::Cpu);
    let constants = constants(&CosineSchedule, T);
    let x0 = Tensor::zeros([4, 2], float);
    let ones = |shape: &[i64]| Tensor::ones(shape, (Kind::Int64, Device::Cpu));
    for t in [ones(&[3]), ones(&[5]), ones(&[4, 1]), ones(&[])] {
        for error in [forward_diffusion(&constants, &x0, &t).err(), forward_step(&constants, &x0, &t).err()] {
            let message = error.unwrap().to_string();
            assert!(message.contains("[4]") && message.contains(&format!("{:?}", t.size())), "{message}");
        }
    }
    for kind in [Kind::Int, Kind::Bool] {
        let error = forward_diffusion(&constants, &x0, &ones(&[4]).to_kind(kind)).unwrap_err();
        assert!(error.to_string().contains("int64") && error.to_string().contains(&format!("{kind:?}")), "{error}");
    }
    let still = ClosedForm::new(&[2], |x, _| x.zeros_like());
    for t in [0, T + 1] {
        let each = ones(&[4]) * t as i64;
        for error in [Level::of_each(&constants, &each, &x0).err(), predict(&still, &constants, &x0, &each).err()] {
            let error = error.unwrap();
            assert!(
                matches!(error, Error::Timestep { ref expected, ref got } if expected == "1..=40" && *got == t.to_string()),
                "{error}"
            );
        }
    }
    let wider = ClosedForm::new(&[2], |x, _| Tensor::cat(&[x, x], 1));
    let mut none = InferenceLogger::new(InferType::None);
    let message = generate_samples(&wider, &constants, 3, 0, &mut none).unwrap_err().to_string();
    assert!(message.contains("[3, 2]") && message.contains("[3, 4]"), "{message}");
    let (mut sampler, denoiser) = (Ancestral::default(), wider.denoiser(&constants));
    let mut chain = Chain::new(&mut sampler, &denoiser, &constants, Tensor::zeros([3, 2], float)).unwrap();
    assert!(chain.next().is_some_and(|state| state.is_err()) && chain.next().is_none(), "an error ends the chain");
    for n in [0, -3] {
        let message = generate_samples(&wider, &constants, n, 0, &mut none).unwrap_err().to_string();
        assert!(message.contains("at least 1"), "{message}");
    }
}

#[test]
fn an_observer_sees_every_state_and_may_end_the_chain() {
    let _generator = libtorch();
    let constants = constants(&CosineSchedule, T);
    let model = ClosedForm::new(&[2], |x, _| x * 0.5);
    let mut states = Vec::new();
    let ended_at = |end: usize, states: &mut Vec<Tensor>| {
        let mut observer = |state: &ChainState| {
            assert_eq!((state.steps, state.step), (T, T - state.t as usize));
            states.push(state.x_t.shallow_clone());
            if state.t as usize == end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        generate_samples(&model, &constants, 3, 1, &mut observer).unwrap()
    };
    let samples = ended_at(0, &mut states);
    assert_eq!((states.len(), states.last()), (T + 1, Some(&samples)));
    let on_the_way = ended_at(7, &mut Vec::new());
    assert_eq!(on_the_way, states[T - 7]);
}

#[test]
fn the_memory_of_sampling_is_bounded_by_parts() {
    let _libtorch = libtorch();
    let largest = Rc::new(Cell::new(0));
    let seen = Rc::clone(&largest);
    let model = ClosedForm::new(&[3, 64, 64], move |x_t, _| {
        seen.set(seen.get().max(x_t.size()[0]));
        x_t.shallow_clone()
    });
    let constants = ConstantsManager::from_betas(&[0.1, 0.2], 3, Device::Cpu).unwrap();
    let _samples = generate_samples(&model, &constants, 100, 0, &mut InferenceLogger::new(InferType::None)).unwrap();
    assert_eq!(largest.get(), 64, "of 64 x 64 pixels as many as 256 of 32 x 32");
}
