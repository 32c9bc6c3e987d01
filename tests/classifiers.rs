//! Classifiers of noisy samples: against the exact classifier of a mixture, and as guides.

mod common;

use std::fs;

use common::libtorch;
use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);
const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);
const CENTRES: [f64; 6] = [-0.7, -0.4, 0.7, -0.4, 0.0, 0.8];
const VARIANCE: f64 = 0.04;

fn mixture(process: &dyn Process) -> MixtureOracle<'_> {
    let means = Tensor::from_slice(&CENTRES).view([3, 2]);
    MixtureOracle::of_gaussians(process, &means, &[VARIANCE; 3], &[1.0; 3]).unwrap()
}

/// Samples of this mixture with their components.
fn samples(n: i64) -> (Tensor, Tensor) {
    let labels = Tensor::arange(n, (Kind::Int64, Device::Cpu)).remainder(3);
    let means = Tensor::from_slice(&CENTRES).view([3, 2]).index_select(0, &labels);
    (means + VARIANCE.sqrt() * Tensor::randn([n, 2], DOUBLE), labels)
}

fn config(is_noisy: bool) -> NoisyClassifierConfig {
    let classes = ["left", "right", "top"].map(str::to_owned);
    NoisyClassifierConfig { widths: vec![32, 32], is_noisy, ..NoisyClassifierConfig::new(&[2], &classes) }
}

/// A classifier that has learned the mixture.
fn trained(epochs: usize, score: Option<(&dyn Denoiser, &dyn Process)>) -> NoisyClassifier {
    let base = BaseConfig { compute: DeviceChoice::Cpu.into(), seed: 3, ..Default::default() };
    let training = TrainingConfig {
        epochs,
        batch_size: 200,
        learning_rate: 5e-3,
        ema_decay: 0.99,
        validation_samples: 300,
        ..Default::default()
    };
    tch::manual_seed(3);
    let (x, labels) = samples(3_000);
    let labels: Vec<usize> = Vec::<i64>::try_from(labels).unwrap().into_iter().map(|label| label as usize).collect();
    let loader = DataLoader::labelled(x, &labels, &["left", "right", "top"], &base, &training).unwrap();
    let classifier = NoisyClassifier::new(&config(true), Device::Cpu).unwrap();
    let mut learner = ClassifierLearner::new(&classifier);
    if let Some((denoiser, process)) = score {
        learner = learner.with_likelihood_score(denoiser, process, 1.0).unwrap();
    }
    let mut state = TrainingState::of_learner(&learner, &base, &training).unwrap();
    while state.epoch() < epochs {
        train_one_epoch_of(&learner, &loader, &mut state, &mut |_| {}).unwrap();
    }
    let losses = state.history();
    let validation = |i: usize| losses[i].validation.unwrap();
    assert!(validation(losses.len() - 1) < validation(0), "{losses:?}");
    state.keep_averaged_weights().unwrap();
    classifier
}

#[test]
fn it_learns_the_exact_probabilities_and_guides_any_process() {
    let _guard = libtorch();
    let classifier = trained(40, None);
    let (x, labels) = samples(1_500);
    let (vp, edm) = (Vp::default(), EdmNoise::default());
    for (process, times) in [(&vp as &dyn Process, [0.1, 0.3, 0.6]), (&edm, [0.2, 0.8, 3.0])] {
        let oracle = mixture(process);
        for t in times {
            let x_t = process.signal(t) * &x + process.noise(t) * x.randn_like();
            let (found, exact) = tch::no_grad(|| {
                (classifier.log_probabilities(process, &x_t, t).unwrap(), oracle.log_posterior(&x_t, t).unwrap())
            });
            let off = (found.exp() - exact.exp()).abs().mean(Kind::Double).double_value(&[]);
            assert!(off < 0.05, "t = {t}: probabilities are off by {off} in the mean");
        }
    }
    // Guided, the denoiser of the mixture draws samples of one class.
    let oracle = mixture(&edm);
    let top = Tensor::full([300], 2, (Kind::Int64, Device::Cpu));
    let log_probability = |x: &Tensor, t: f64| classifier.log_probability(&edm, x, t, &top);
    let share_at_top = |scale: f64| {
        let guided = ClassifierGuided::new(&oracle, &edm, &log_probability, scale).unwrap();
        tch::manual_seed(5);
        let noise = Tensor::randn([300, 2], DOUBLE) * edm.noise_at_end();
        let mut sampler = SamplerConfig::from(Heun { steps: Some(15), layout: Karras::default().into() }).sampler();
        let quiet = &mut InferenceLogger::new(InferType::None);
        let drawn = run_chain(&mut *sampler, &guided, &edm, noise, quiet).unwrap();
        let at = oracle.log_posterior(&drawn, 0.1).unwrap().argmax(1, false);
        at.eq(2).to_kind(Kind::Double).mean(Kind::Double).double_value(&[])
    };
    let [without, with] = [0.0, 1.0].map(share_at_top);
    assert!((0.2..0.5).contains(&without) && with > 0.9, "{without} {with}");
    assert!(classifier.accuracy(&x, &labels, 0.0).unwrap() > 0.98);
    let of_noise = classifier.accuracy(&x, &labels, 20.0).unwrap();
    assert!((0.2..0.5).contains(&of_noise), "{of_noise}");
}

#[test]
fn it_depends_on_the_process_only_through_the_ratio_of_noise_to_signal() {
    let _guard = libtorch();
    let classifier = NoisyClassifier::new(&config(true), Device::Cpu).unwrap();
    let (vp, edm) = (Vp::default(), EdmNoise::default());
    let y = Tensor::randn([7, 2], FLOAT);
    let (t, a, s) = (0.35, vp.signal(0.35), vp.noise(0.35));
    let of_vp = classifier.log_probabilities(&vp, &(a * &y), t).unwrap();
    let of_edm = classifier.log_probabilities(&edm, &y, s / a).unwrap();
    assert!((of_vp - of_edm).abs().max().double_value(&[]) < 1e-5);
}

/// With the exact score of `x_t`, no classifier has a smaller loss than the exact one.
#[test]
fn likelihood_score_matching_is_least_for_the_exact_classifier() {
    let _guard = libtorch();
    tch::manual_seed(9);
    let process = Vp::default();
    let oracle = mixture(&process);
    let (x_0, labels) = samples(40_000);
    let eps = x_0.randn_like();
    for t in [0.1, 0.4] {
        let loss = |sharpness: f64| {
            let log = |x: &Tensor, t: f64| {
                let logs = (sharpness * oracle.log_posterior(x, t)?).log_softmax(-1, Kind::Double);
                Ok(logs.gather(1, &labels.unsqueeze(1), false).squeeze_dim(1))
            };
            let loss = likelihood_score_loss(&log, &oracle, &process, &x_0, t, &eps).unwrap();
            assert_eq!(loss.size(), [40_000]);
            loss.mean(Kind::Double).double_value(&[])
        };
        let exact = loss(1.0);
        for other in [0.0_f64, 0.5, 0.8, 1.25, 2.0].map(|of| of.max(1e-9)) {
            assert!(loss(other) > exact, "t = {t}, {other}: {} against {exact}", loss(other));
        }
        // The loss is quadratic around its minimum, which is where it should be.
        let (below, above) = (loss(0.9), loss(1.1));
        let at = 1.0 + 0.1 * 0.5 * (below - above) / (below + above - 2.0 * exact);
        assert!((at - 1.0).abs() < 0.05, "t = {t}: the least loss is at {at}");
    }
}

#[test]
fn a_classifier_trained_with_likelihood_score_matching_has_a_better_gradient() {
    let _guard = libtorch();
    let process = Vp::default();
    let oracle = mixture(&process);
    let error = |classifier: &NoisyClassifier| {
        tch::manual_seed(11);
        let (x_0, labels) = samples(3_000);
        let (t, eps) = (0.25, x_0.randn_like());
        let log = |x: &Tensor, t: f64| classifier.log_probability(&process, x, t, &labels);
        let loss = likelihood_score_loss(&log, &oracle, &process, &x_0, t, &eps).unwrap();
        loss.mean(Kind::Double).double_value(&[])
    };
    let plain = trained(5, None);
    let matched = trained(5, Some((&oracle, &process)));
    assert!(error(&matched) < error(&plain), "{} against {}", error(&matched), error(&plain));
}

#[test]
fn a_file_returns_the_classifier_and_what_does_not_fit_is_rejected() {
    let _guard = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("classifier.safetensors");
    let process = Vp::default();
    for shape in [vec![2], vec![3, 8, 8]] {
        let classes = ["a", "b"].map(str::to_owned);
        let classifier = NoisyClassifier::new(&NoisyClassifierConfig::new(&shape, &classes), Device::Cpu).unwrap();
        classifier.save(&file).unwrap();
        let read = NoisyClassifier::read(&file, Device::Cpu).unwrap();
        assert_eq!(read.config(), classifier.config());
        let x = Tensor::randn([&[4], &shape[..]].concat(), FLOAT).set_requires_grad(true);
        let of = |classifier: &NoisyClassifier| classifier.log_probabilities(&process, &x, 0.5).unwrap();
        // Weights are stored in 16 bits.
        assert!((of(&classifier) - of(&read)).abs().max().double_value(&[]) < 1e-2);
        let sums = of(&read).exp().sum_dim_intlist([1].as_slice(), false, Kind::Float);
        assert!((sums - 1.0).abs().max().double_value(&[]) < 1e-5);
        let labels = Tensor::zeros([4], (Kind::Int64, Device::Cpu));
        let gradient = read.log_probability(&process, &x, 0.5, &labels).unwrap().sum(Kind::Float);
        let gradient = Tensor::run_backward(&[gradient], &[&x], false, false).remove(0);
        assert!(gradient.size() == x.size() && gradient.abs().max().double_value(&[]) > 0.0);
    }
    fs::write(&file, b"nothing").unwrap();
    assert!(NoisyClassifier::read(&file, Device::Cpu).is_err());

    let noisy = NoisyClassifier::new(&config(true), Device::Cpu).unwrap();
    let clean = NoisyClassifier::new(&config(false), Device::Cpu).unwrap();
    let (x, labels) = samples(6);
    let message = |result: Result<Tensor, Error>| result.unwrap_err().to_string();
    assert!(message(clean.log_probabilities(&process, &x, 0.5)).contains("PredictedGuided"));
    assert!(clean.log_probability_of_data(&x, &labels).is_ok());
    assert!(message(noisy.log_probabilities(&process, &Tensor::zeros([2, 3], FLOAT), 0.5)).contains("[2]"));
    assert!(message(noisy.log_probabilities(&process, &x, 1.5)).contains("timestep"));
    for wrong in [&labels + 1, labels.narrow(0, 0, 5), labels.to_kind(Kind::Float)] {
        assert!(message(noisy.log_probability(&process, &x, 0.5, &wrong)).contains("each 0 to 2"));
    }
    let oracle = mixture(&process);
    assert!(ClassifierLearner::new(&clean).with_likelihood_score(&oracle, &process, 1.0).is_err());
    assert!(ClassifierLearner::new(&noisy).with_likelihood_score(&oracle, &process, -1.0).is_err());
    for invalid in [
        NoisyClassifierConfig { classes: vec!["one".to_owned()], ..config(true) },
        NoisyClassifierConfig { widths: Vec::new(), ..config(true) },
        NoisyClassifierConfig { sample_shape: vec![2, 2], ..config(true) },
        NoisyClassifierConfig { widths: vec![6], sample_shape: vec![3, 8, 8], ..config(true) },
    ] {
        assert!(NoisyClassifier::new(&invalid, Device::Cpu).is_err(), "{invalid:?}");
    }
    // Data of other classes, or none.
    let base = BaseConfig { compute: DeviceChoice::Cpu.into(), ..Default::default() };
    let training = TrainingConfig::default();
    let learner = ClassifierLearner::new(&noisy);
    let loader = DataLoader::labelled(x.copy(), &[0, 1, 0, 1, 0, 1], &["a", "b"], &base, &training).unwrap();
    let message = learner.check(&loader).unwrap_err().to_string();
    assert!(message.contains("left, right, top") && message.ends_with("got a, b"), "{message}");
    let none = DataLoader::new(x, &base, &training).unwrap();
    assert!(learner.check(&none).unwrap_err().to_string().ends_with("got none"));
}
