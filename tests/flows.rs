//! Flows: couplings, flow matching, reflow, and flows between two data sets, against closed forms and against scipy and torchcfm.

mod common;

use std::collections::HashMap;
use std::path::Path;

use common::{ClosedForm, Noting, Seen, base, libtorch, quick_training};
use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

/// Golden values of `make_flows.py`.
fn golden() -> HashMap<String, Tensor> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/flows.safetensors");
    Tensor::read_safetensors(path).unwrap().into_iter().collect()
}

fn furthest(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

fn quiet() -> InferenceLogger {
    InferenceLogger::new(InferType::None).quiet()
}

fn mean_square(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).square().sum_dim_intlist([1].as_slice(), false, Kind::Double).mean(Kind::Double).double_value(&[])
}

/// What is wrong with a coupling that declares this of itself.
fn faults(coupling: &dyn Coupling, declared: CouplingProperties) -> Vec<String> {
    tch::manual_seed(1);
    let (x0, eps) = (Tensor::randn([60, 1], DOUBLE) * 0.5, Tensor::randn([60, 1], DOUBLE));
    let mut faults = Vec::new();
    let Ok(paired) = coupling.pair(&x0, &eps) else {
        return if declared.is_found { vec!["it pairs nothing".to_owned()] } else { faults };
    };
    let mut require = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    let sorted = |x: &Tensor| x.sort(0, false).0;
    require(declared.is_found, "it is found");
    let from_batch = (paired.view([60, 1]) - eps.view([1, 60])).abs().amin([1], false).max().double_value(&[]) == 0.0;
    require(from_batch, "it changes the noise");
    require((sorted(&paired) == sorted(&eps)) == declared.keeps_every_noise, "it keeps every noise, or does not");
    require((paired == eps) == declared.is_independent, "the noise depends on the data, or does not");
    let by_data = |of: &Tensor| of.index_select(0, &x0.squeeze_dim(1).argsort(0, false));
    require((by_data(&paired) == sorted(&eps)) == declared.has_least_cost, "both are in order, or are not");
    require(coupling.pair(&x0, &Tensor::zeros([60, 2], DOUBLE)).is_err() || declared.is_independent, "any shape");
    faults
}

#[test]
fn every_coupling_is_what_it_declares_and_a_wrong_one_is_found() {
    let _generator = libtorch();
    for entry in CouplingConfig::ENTRIES {
        let config = CouplingConfig::from_name(entry.name).unwrap();
        let faults = faults(&*config.build(), config.properties());
        assert!(faults.is_empty(), "{}: {faults:?}", entry.name);
    }
    /// The costs of the wrong sign.
    #[derive(Debug)]
    struct Longest;
    impl Coupling for Longest {
        fn pair(&self, x0: &Tensor, eps: &Tensor) -> Result<Tensor, Error> {
            OptimalTransport.pair(&-x0, eps)
        }
    }
    let found = faults(&Longest, CouplingConfig::from(OptimalTransport).properties());
    assert!(found.len() == 1 && found[0].starts_with("both are in order"), "{found:?}");
}

#[test]
fn the_pairs_and_the_velocity_are_those_of_scipy_and_torchcfm() {
    let golden = golden();
    for set in ["points", "vectors"] {
        let of = |name: &str| &golden[&format!("{set}.{name}")];
        assert_eq!(&OptimalTransport.pair(of("x0"), of("eps")).unwrap(), of("paired"), "{set}");
        // In f32 and as images, too.
        let images = |x: &Tensor| x.to_kind(Kind::Float).unsqueeze(-1).unsqueeze(-1);
        let paired = OptimalTransport.pair(&images(of("x0")), &images(of("eps"))).unwrap();
        assert_eq!(paired, images(of("paired")), "{set}");
    }
    let (x0, eps) = (golden["points.x0"].narrow(0, 0, 16), golden["points.eps"].narrow(0, 0, 16));
    let t = &golden["line.t"];
    assert!(furthest(&add_noise(&Flow, &x0, t, &eps).unwrap(), &golden["line.x_t"]) < 1e-12);
    let level = Level::of_each(&Flow, t, &x0).unwrap();
    assert!(furthest(&Velocity.target(&x0, &eps, &level), &golden["line.velocity"]) < 1e-12);
}

/// For data `N(0, s^2)`, the mean of `|x0 - eps|^2` is `1 + s^2` for independent pairs, and `W_2^2 = (1 - s)^2` for the optimal ones.
#[test]
fn the_cost_of_a_coupling_is_that_of_the_closed_form() {
    let _generator = libtorch();
    tch::manual_seed(4);
    let (x0, eps) = (Tensor::randn([400, 1], DOUBLE) * 0.5, Tensor::randn([400, 1], DOUBLE));
    let cost = |coupling: &dyn Coupling| mean_square(&x0, &coupling.pair(&x0, &eps).unwrap());
    let (independent, optimal) = (cost(&Independent), cost(&OptimalTransport));
    assert!((independent - 1.25).abs() < 0.2, "{independent}");
    assert!((optimal - 0.25).abs() < 0.05, "{optimal}");
}

/// The entropic coupling in four equal coordinates is that in one, since `epsilon` counts for each of them; and one that is far too small for the
/// iterations pairs as well as they can.
#[test]
fn the_entropic_coupling_is_relative_to_the_width_and_takes_the_best_plan() {
    let _generator = libtorch();
    tch::manual_seed(2);
    let (x0, eps) = (Tensor::randn([40, 1], DOUBLE) * 0.5, Tensor::randn([40, 1], DOUBLE));
    let draw = |epsilon: f64, x0: &Tensor, eps: &Tensor| {
        tch::manual_seed(3);
        EntropicTransport { epsilon }.pair(x0, eps)
    };
    let wide = |x: &Tensor| x.repeat([1, 4]);
    let (narrow, of_wide) = (draw(0.05, &x0, &eps).unwrap(), draw(0.05, &wide(&x0), &wide(&eps)).unwrap());
    assert_eq!(narrow, of_wide.narrow(1, 0, 1));
    assert_ne!(narrow, draw(0.5, &x0, &eps).unwrap());

    let (least, found) = (OptimalTransport.pair(&x0, &eps).unwrap(), draw(1e-9, &x0, &eps).unwrap());
    let (least, found) = (mean_square(&x0, &least), mean_square(&x0, &found));
    assert!(found < 2.0 * least, "{found}, and {least} is the least");
    let none = Sinkhorn { iterations: 3, ..Sinkhorn::new(1e-9) };
    assert!(none.plan(&x0, &eps).is_err());
    let rows = none.best_plan(&x0, &eps).unwrap().probabilities().sum_dim_intlist([1].as_slice(), false, Kind::Double);
    assert!(furthest(&rows, &rows.full_like(1.0 / 40.0)) < 1e-6, "{rows:?}");

    let broken = |x: &Tensor| x.copy().fill_diagonal_(f64::NAN, false);
    for coupling in [CouplingConfig::from(OptimalTransport), EntropicTransport::default().into()] {
        let (data, noise) = (coupling.build().pair(&broken(&x0), &eps), coupling.build().pair(&x0, &broken(&eps)));
        let (data, noise) = (data.unwrap_err().to_string(), noise.unwrap_err().to_string());
        assert!(data.starts_with("data to be paired with noise: 1 of 40"), "{data}");
        assert!(noise.starts_with("noise to be paired with data: 1 of 40"), "{noise}");
    }
}

#[test]
fn flow_matching_is_a_weighted_error_of_the_noise_and_on_a_flow_the_error_of_the_velocity() {
    let _generator = libtorch();
    let batch = Batch::of(Tensor::randn([50, 3], (Kind::Float, Device::Cpu)));
    let network = |parameterization: &str| {
        let model = ClosedForm::new(&[3], |x, t| x * 0.7 + t.view([-1, 1]) * 1e-4);
        model.with_parameterization(ParameterizationConfig::from_name(parameterization).unwrap().build())
    };
    let loss = |objective: &dyn Objective, model: &Model, process: &dyn Process| {
        tch::manual_seed(9);
        objective.loss(model, process, &batch).unwrap()
    };
    let model = network("velocity");
    let (ours, simple) = (loss(&FlowMatching::default(), &model, &Flow), loss(&Simple::default(), &model, &Flow));
    assert!(furthest(&ours.by_sample, &simple.by_sample) < 1e-5);
    let (model, vp) = (network("eps"), Vp::default());
    let ours = loss(&FlowMatching::default(), &model, &vp);
    let simple = loss(&Simple::default(), &model, &vp);
    let times: Vec<f64> = Vec::try_from(&simple.t.unwrap()).unwrap();
    for (i, t) in times.into_iter().enumerate() {
        let weight = (vp.noise_slope(t) - vp.signal_slope(t) * vp.noise(t) / vp.signal(t)).powi(2);
        let expected = weight * simple.by_sample.double_value(&[i as i64]);
        let found = ours.by_sample.double_value(&[i as i64]);
        assert!((found / expected - 1.0).abs() < 1e-3, "t = {t}: {found}, not {expected}");
    }
    let blurred = NoiseConfig::from(Rates { rates: vec![1.0, 0.5, 0.7] }).of(Box::new(vp.clone())).unwrap();
    let refused = FlowMatching::default().loss(&network("velocity"), &*blurred, &batch).unwrap_err().to_string();
    assert!(refused.contains("with the noise rates they differ"), "{refused}");
    let refused = FlowMatching { coupling: GivenPairs::default().into(), ..Default::default() };
    let refused = refused.loss(&network("velocity"), &Flow, &batch).unwrap_err().to_string();
    assert!(refused.contains("train with a PairLearner"), "{refused}");
}

/// With labels, each class starts from all of the noise, and within it the noise is in the order of the data: data of two classes on two sides,
/// whose noise would be divided between them.
#[test]
fn a_coupling_stays_within_each_class() {
    let _generator = libtorch();
    tch::manual_seed(3);
    let label = Tensor::arange(200, (Kind::Int64, Device::Cpu)).remainder(2);
    let spread = Tensor::randn([200, 1], (Kind::Float, Device::Cpu)) * 0.5;
    let x0 = (label.to_kind(Kind::Float) * 8.0 - 4.0).view([-1, 1]) + spread;
    // The noise of the samples, and of which it is known.
    let noise = |classes: i64, batch: Batch| {
        let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let (noted, data) = (std::rc::Rc::clone(&seen), x0.shallow_clone());
        let model = ClosedForm::new(&[1], move |x, t| {
            let t = t.view([-1, 1]) / 1000.0;
            // x - (1 - t) x_0 is t eps.
            let eps: Tensor = (x - (1.0 - &t) * &data) / &t;
            noted.borrow_mut().push((eps.squeeze_dim(1), t.squeeze_dim(1).gt(0.1)));
            x.zeros_like()
        });
        let model = model.with_parameterization(Box::new(Velocity)).with_classes(classes);
        let objective = FlowMatching { coupling: OptimalTransport.into(), ..Default::default() };
        tch::manual_seed(5);
        let _loss = objective.loss(&model, &Flow, &batch).unwrap();
        seen.borrow_mut().remove(0)
    };
    let of = |label: Option<&Tensor>| Batch { x0: x0.shallow_clone(), label: label.map(Tensor::shallow_clone) };
    let data = x0.squeeze_dim(1);
    let on_the_side_of_the_data =
        |eps: &Tensor, known: &Tensor| (eps * data.sign()).masked_select(known).mean(Kind::Float).double_value(&[]);
    // On a line, the cost is the least if both are in the same order.
    let in_order = |eps: &Tensor, rows: &Tensor| {
        let sorted = eps.masked_select(rows).index_select(0, &data.masked_select(rows).argsort(0, false));
        let n = sorted.numel() as i64;
        (sorted.narrow(0, 1, n - 1) - sorted.narrow(0, 0, n - 1)).min().double_value(&[]) > -1e-3
    };
    // The mean of the noise on the side of the data: of half a Gaussian, sqrt(2 / pi).
    let (eps, known) = noise(0, of(None));
    let without = on_the_side_of_the_data(&eps, &known);
    assert!((without - (2.0 / std::f64::consts::PI).sqrt()).abs() < 0.15, "{without}");
    assert!(in_order(&eps, &known));
    let (eps, known) = noise(2, of(Some(&label)));
    let within = on_the_side_of_the_data(&eps, &known);
    assert!(within.abs() < 0.2, "{within}");
    assert!(!in_order(&eps, &known));
    for class in 0..2 {
        assert!(in_order(&eps, &label.eq(class).logical_and(&known)), "class {class}");
    }
}

/// Data `N(m, s^2)`: the ODE makes `x_0 = m + s eps` of the noise.
const MEAN: [f64; 2] = [0.3, -0.2];
const DEVIATION: f64 = 0.5;

/// The network that knows these pairs: `x_t = ( 1 - t ) ( m + s eps ) + t eps`, solved for `eps`.
fn reflowed() -> Model {
    let model = ClosedForm::new(&[2], |x, t| {
        let t = t.view([-1, 1]) / 1000.0;
        let mean = Tensor::from_slice(&MEAN.map(|m| m as f32));
        let left: Tensor = 1.0 - &t;
        let eps = (x - &left * &mean) / (left * DEVIATION + t);
        &eps - (mean + DEVIATION * &eps)
    });
    model.with_parameterization(Box::new(Velocity))
}

#[test]
fn after_a_reflow_of_gaussian_data_one_step_is_exact() {
    let _generator = libtorch();
    let mean = Tensor::from_slice(&MEAN);
    let oracle = GaussianOracle::isotropic(&Flow, &mean, DEVIATION.powi(2));
    let noise = draw_noise_of(&[2], Device::Cpu, &Flow, 300, 2).unwrap().to_kind(Kind::Double);
    let exact = &mean + DEVIATION * &noise;
    let sampler = SamplerConfig::from(Rk4 { steps: Some(200), layout: Trailing.into() });
    let pairs = reflow_pairs(&sampler, &oracle, &Flow, noise.shallow_clone(), &mut quiet()).unwrap();
    assert_eq!(pairs.size(), [300, 4]);
    assert_eq!(pairs.narrow(1, 2, 2), noise);
    let error = furthest(&pairs.narrow(1, 0, 2), &exact);
    assert!(error < 2e-3, "{error}");

    // The loss of its pairs is 0 for the network that knows them, and that of the first flow is not.
    let pairs = Batch::of(Tensor::cat(&[exact.shallow_clone(), noise.shallow_clone()], 1).to_kind(Kind::Float));
    let model = reflowed();
    let loss =
        |model: &Model, pairs: &Batch| PairLearner::new(model, &Flow, FlowMatching::default()).validate(pairs).unwrap();
    assert!(loss(&model, &pairs) < 1e-9, "{}", loss(&model, &pairs));
    let crossed = Batch::of(Tensor::cat(&[exact.flip([0]), noise.shallow_clone()], 1).to_kind(Kind::Float));
    assert!(loss(&model, &crossed) > 0.1, "{}", loss(&model, &crossed));

    let one_step = |denoiser: &dyn Denoiser| {
        let mut euler = Ddim { steps: Some(1), layout: Trailing.into(), ..Default::default() };
        run_chain(&mut euler, denoiser, &Flow, noise.shallow_clone(), &mut quiet()).unwrap()
    };
    let error = furthest(&one_step(&model.denoiser(&Flow)), &exact);
    assert!(error < 1e-5, "{error}");
    // Before, a single step leads to the mean of the data.
    assert!(furthest(&one_step(&oracle), &mean) < 1e-12);

    let stochastic = SamplerConfig::from_name("euler-maruyama").unwrap();
    let refused = reflow_pairs(&stochastic, &oracle, &Flow, noise, &mut quiet()).unwrap_err().to_string();
    assert!(refused.contains("euler-maruyama adds fresh noise"), "{refused}");
}

#[test]
fn a_pair_learner_takes_pairs_and_descends_on_them() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 400);
    let training = TrainingConfig { process: Some(Flow.into()), parameterization: Velocity.into(), ..quick_training() };
    tch::manual_seed(1);
    let eps = Tensor::randn([400, 2], (Kind::Float, Device::Cpu));
    let x0: Tensor = &eps * DEVIATION + Tensor::from_slice(&MEAN.map(|m| m as f32));
    let pairs = DataLoader::new(Tensor::cat(&[&x0, &eps], 1), &base, &training).unwrap();
    let model = ClosedForm::with_weight(&[2], &[0.0, 0.0], |x, _, weight| x * 0.0 + weight);
    let model = model.with_parameterization(Box::new(Velocity));
    let learner = PairLearner::new(&model, &Flow, FlowMatching::default());
    let refused =
        learner.check(&DataLoader::new(x0.shallow_clone(), &base, &training).unwrap()).unwrap_err().to_string();
    assert!(refused.contains("expected shape [4], a sample and its noise, concatenated along"), "{refused}");
    // A model with classes takes pairs with labels alone: without, its labels would mean nothing.
    let with_classes = ClosedForm::new(&[2], |x, _| x.zeros_like()).with_classes(3);
    let of_classes = PairLearner::new(&with_classes, &Flow, FlowMatching::default());
    let refused = of_classes.check(&pairs).unwrap_err().to_string();
    assert!(refused.contains("labels of 3 classes, but the pairs have 0"), "{refused}");
    let labels: Vec<usize> = (0..3).cycle().take(400).collect();
    let rows = Tensor::cat(&[&x0, &eps], 1);
    of_classes.check(&DataLoader::labelled(rows, &labels, &["a", "b", "c"], &base, &training).unwrap()).unwrap();
    let fast = TrainingConfig { learning_rate: 0.02, epochs: 40, ..training };
    let mut state = TrainingState::of_learner(&learner, &base, &fast).unwrap();
    while state.epoch() < fast.epochs {
        train_one_epoch_of(&learner, &pairs, &mut state, &mut |_| ()).unwrap();
    }
    // A constant velocity: the mean of eps - x_0.
    let expected = (&eps - &x0).mean_dim(0, false, Kind::Float);
    let found = &model.var_store().trainable_variables()[0];
    assert!(furthest(found, &expected) < 0.02, "{found:?}, not {expected:?}");
}

#[test]
fn pairs_are_validated_as_the_network_is_used() {
    let _generator = libtorch();
    let (network, seen) = Noting::new(&[2], 1);
    let model =
        Model::new(network).with_parameterization(Box::new(Velocity)).with_classes(2).with_condition_dropout(0.5);
    let rows = Tensor::randn([150, 4], (Kind::Float, Device::Cpu));
    let label = Tensor::arange(150, (Kind::Int64, Device::Cpu)).remainder(2);
    let learner = PairLearner::new(&model, &Flow, FlowMatching::default());
    let held_out = Batch { x0: rows.shallow_clone(), label: Some(label) };
    let loss = learner.validate(&held_out).unwrap();
    assert_eq!(loss, learner.validate(&held_out).unwrap());
    // The network predicts 0.
    let velocity = rows.narrow(1, 2, 2) - rows.narrow(1, 0, 2);
    let expected = velocity.square().mean(Kind::Double).double_value(&[]);
    assert!((loss / expected - 1.0).abs() < 1e-5, "{loss}, not {expected}");
    let part = |rows: i64| Seen { rows, has_labels: true, training: false };
    assert_eq!(seen.borrow()[..3], [64, 64, 22].map(part));
}

#[test]
fn the_noise_of_pairs_is_not_that_which_samples_start_from() {
    let _generator = libtorch();
    let model = ClosedForm::new(&[2], |x, _| x.zeros_like());
    let of_pairs = |seed: u64| draw_noise_of_pairs(&model, &Flow, 50, seed).unwrap();
    let of_samples = draw_noise(&model, &Flow, 50, 7).unwrap();
    let same = (of_pairs(7).unsqueeze(0) - of_samples.unsqueeze(1)).abs().amin([2], false).eq(0.0).any();
    assert_eq!(same.int64_value(&[]), 0);
    assert!(of_pairs(7) == of_pairs(7) && of_pairs(7) != of_pairs(8));
    let variance = of_pairs(7).square().mean(Kind::Double).double_value(&[]);
    assert!((variance - 1.0).abs() < 0.4, "{variance}");
}

/// The exact denoiser of independent Gaussians at both ends, `x_0 ~ N(m_0, s_0^2)` and `eps ~ N(m_1, s_1^2)`.
struct BetweenGaussians<'a> {
    process: &'a dyn Process,
    means: [f64; 2],
    deviations: [f64; 2],
}

impl Denoiser for BetweenGaussians<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised, Error> {
        let (a, s) = (self.process.signal(t), self.process.noise(t));
        let ([m0, m1], [v0, v1]) = (self.means, self.deviations.map(|s| s * s));
        let rest: Tensor = (x_t - a * m0 - s * m1) / (a * a * v0 + s * s * v1);
        Ok(Denoised { x0: m0 + a * v0 * &rest, eps: m1 + s * v1 * rest, variance_share: None })
    }
}

fn from(dataset: impl Into<Dataset>) -> Box<dyn Process> {
    NoiseConfig::from(DataNoise::of(dataset)).of(Box::new(Flow)).unwrap()
}

/// The flow of independent Gaussians takes `x_1` to `m_0 + s_0 / s_1 ( x_1 - m_1 )`, with every sampler without fresh noise, and back.
#[test]
fn a_flow_leads_from_gaussians_to_gaussians() {
    let process = from(Moons::default());
    let between = BetweenGaussians { process: &*process, means: [1.5, -0.8], deviations: [0.3, 2.0] };
    let x1 = Tensor::from_slice(&[-4.0, -0.8, 0.1, 3.0, 1.2, -2.5]).view([3, 2]);
    let expected: Tensor = 1.5 + 0.15 * (&x1 + 0.8);
    for entry in SamplerConfig::ENTRIES {
        let config = SamplerConfig::from_name(entry.name).unwrap();
        let mut sampler = config.with_setting("steps", 400.into()).unwrap_or(config.clone()).sampler();
        if !config.is_deterministic() || entry.name == "adaptive" || entry.name == "rk45" {
            let fits = sampler.times(&*process).is_ok();
            assert_eq!(fits, config.is_deterministic(), "{}", entry.name);
            continue;
        }
        let found = run_chain(&mut *sampler, &between, &*process, x1.shallow_clone(), &mut quiet()).unwrap();
        let error = furthest(&found, &expected);
        assert!(error < 0.01, "{}: {error}", entry.name);
        let back = encode(&mut *sampler, &between, &*process, found, &mut quiet()).unwrap();
        let error = furthest(&back, &x1);
        assert!(error < 0.1, "{} back: {error}", entry.name);
    }
    let fresh = Ddim { eta: 0.5, ..Default::default() };
    let refused = SamplerConfig::from(fresh).sampler().times(&*process).unwrap_err().to_string();
    assert!(refused.contains("does not run with the noise data"), "{refused}");
}

#[test]
fn another_data_set_is_drawn_in_place_of_noise() {
    let _generator = libtorch();
    let process = from(Moons::default());
    let draw = |seed: i64, shape: &[i64]| {
        tch::manual_seed(seed);
        process.draw(&Tensor::from(1.0), &Tensor::empty(shape, DOUBLE))
    };
    let drawn = draw(1, &[2000, 2]).unwrap();
    assert_eq!((drawn.kind(), drawn.size()), (Kind::Double, vec![2000, 2]));
    assert!(drawn == draw(1, &[2000, 2]).unwrap() && drawn != draw(2, &[2000, 2]).unwrap());
    let curve = Moons::default().curve(5000).unwrap();
    assert!(distances_to_curve(&drawn, &curve).unwrap()[1999] < 1e-3, "all on the moons");
    assert!(draw(1, &[5, 3]).unwrap_err().to_string().contains("as in moons"));
    let started = draw_noise_of(&[2], Device::Cpu, &*process, 50, 7).unwrap();
    assert!(distances_to_curve(&started, &curve).unwrap()[49] < 1e-3, "sampling starts there");

    let flowers = PaintedFlowers { size: [8, 8], count: 12, ..Default::default() };
    let images = from(flowers.clone());
    let of = |seed: i64, n: i64| {
        tch::manual_seed(seed);
        images.draw(&Tensor::from(1.0), &Tensor::empty([n, 3, 8, 8], (Kind::Float, Device::Cpu))).unwrap()
    };
    assert!(of(1, 20) == of(1, 20) && of(1, 20) != of(2, 20));
    let loaded = flowers.load(12, 0).unwrap().pixels;
    let stored =
        Tensor::from_slice(loaded.as_slice().unwrap()).view([12, 1, 3, 8, 8]).to_kind(Kind::Float) / 127.5 - 1.0;
    let both = Tensor::cat(&[&stored, &stored.flip([-1])], 0);
    let nearest = (both - of(3, 20)).abs().flatten(2, -1).amax([2], false).amin([0], false).max();
    assert_eq!(nearest.double_value(&[]), 0.0, "each is one of them, or its mirror image");

    for (noise, process, words) in [
        (DataNoise::of(Moons::default()), ProcessConfig::from(Vp::default()), "these do: flow"),
        (DataNoise::of(Moons { noise: -1.0 }), Flow.into(), "Dataset.noise"),
        (DataNoise::of(Dataset::Own { label: "mine".to_owned(), shape: vec![2] }), Flow.into(), "a built-in data set"),
    ] {
        let refused = NoiseConfig::from(noise).of(process.build().process().unwrap()).err().unwrap().to_string();
        assert!(refused.contains(words), "{refused}");
    }
    let config: NoiseConfig = serde_json::from_str(r#"{"name": "data", "dataset": {"name": "moons"}}"#).unwrap();
    assert_eq!(config, DataNoise::of(Moons::default()).into());
    let oracle = GaussianOracle::isotropic(&*process, &Tensor::zeros([2], DOUBLE), 1.0);
    let refused = OdeLikelihood::default().batches(&oracle, &*process, &drawn, 1).err().unwrap().to_string();
    assert!(refused.contains("the noise of this process is data"), "{refused}");
}

/// Moons to roll, trained for seconds: closer to the roll than the moons are, and back.
#[test]
fn a_flow_learns_to_lead_from_moons_to_the_roll() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 4000);
    let training = TrainingConfig {
        process: Some(Flow.into()),
        noise: DataNoise::of(Moons::default()).into(),
        parameterization: Velocity.into(),
        objective: FlowMatching { coupling: OptimalTransport.into(), ..Default::default() }.into(),
        batch_size: 64,
        epochs: 24,
        learning_rate: 4e-3,
        ema_decay: 0.98,
        ..quick_training()
    };
    let (model, loader) =
        (get_model(&base, FnnConfig::default(), &training).unwrap(), get_dataloader(&base, &training).unwrap());
    let process = get_process(&base, &training).unwrap();
    let mut state = TrainingState::new(&model, &base, &training).unwrap();
    while state.epoch() < training.epochs {
        train_one_epoch(&model, &loader, &*process, &mut state, &mut |_| ()).unwrap();
    }
    state.keep_averaged_weights().unwrap();
    let moons = draw_noise(&model, &*process, 1000, 3).unwrap();
    let mut heun = Heun { steps: Some(8), layout: Trailing.into() };
    let found =
        run_chain(&mut heun, &model.denoiser(&*process), &*process, moons.shallow_clone(), &mut quiet()).unwrap();
    let back = encode(&mut heun, &model.denoiser(&*process), &*process, found.shallow_clone(), &mut quiet()).unwrap();
    let roll = loader.first(1000);
    let distance = |a: &Tensor, b: &Tensor| sliced_wasserstein(a, b, 1).unwrap();
    let (before, after, returned) = (distance(&moons, &roll), distance(&found, &roll), distance(&back, &moons));
    assert!(after < 0.4 * before && returned < 0.2 * before, "{before} before, {after} after, {returned} back");
}
