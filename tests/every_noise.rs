//! The suite of noises: every entry of the catalogue is what it declares, and planted wrong ones are found; and what a process with another
//! noise does in training and sampling.

mod common;
#[path = "common/on_gaussian.rs"]
mod on_gaussian;

use common::{ClosedForm, base, libtorch, quick_training, small_network};
use ddpm_tutor::prelude::*;
use on_gaussian::cosine;

const N: i64 = 1_000_000;

/// The mean, the variance, the skewness and the excess kurtosis of numbers.
fn moments(eps: &Tensor) -> [f64; 4] {
    let eps = eps.to_kind(Kind::Double);
    let moment = |power: f64| eps.pow_tensor_scalar(power).mean(Kind::Double).double_value(&[]);
    [moment(1.0), moment(2.0), moment(3.0), moment(4.0) - 3.0]
}

/// What is wrong with a noise that declares this of itself.
fn faults(noise: &dyn Noise, declared: NoiseProperties) -> Vec<String> {
    let vp = Vp::default();
    let draw = |seed: i64, log_snr: f64, kind: Kind| {
        tch::manual_seed(seed);
        let t = Tensor::from(vp.time_of_log_snr(log_snr));
        noise.draw(&vp, &t, &Tensor::empty([N / 2, 2], (kind, Device::Cpu))).unwrap()
    };
    let little = 250_000_f64.ln();
    let eps = draw(1, little, Kind::Double);
    let found = moments(&eps);
    let mut faults = Vec::new();
    let columns = eps.tr().corrcoef();
    let is_standardized =
        found[0].abs() < 0.005 && (found[1] - 1.0).abs() < 0.01 && columns.double_value(&[0, 1]).abs() < 0.01;
    if is_standardized && !declared.is_standardized {
        faults.push("is standardized".to_owned());
    }
    for (what, found, expected, tolerance) in [
        ("mean", found[0], 0.0, 0.005),
        ("variance", found[1], 1.0, 0.01),
        ("skewness", found[2], declared.skewness, 0.03),
        ("excess kurtosis", found[3], declared.excess_kurtosis, 0.15),
    ] {
        if declared.is_standardized && (found - expected).abs() > tolerance {
            faults.push(format!("{what} {found}, not {expected}"));
        }
    }
    let mut require = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    require(draw(1, little, Kind::Double) == eps && draw(2, little, Kind::Double) != eps, "not what the seed says");
    require(noise.is_scalar() == declared.is_scalar, "treats coordinates alike, or does not");
    require((draw(1, 1.0, Kind::Double) != eps) == declared.depends_on_time, "depends on the time, or does not");
    let single = draw(1, little, Kind::Float);
    require((single.kind(), single.size()) == (Kind::Float, vec![N / 2, 2]), "another kind or shape");
    require(
        !declared.is_standardized || columns.double_value(&[0, 1]).abs() < 0.01,
        "numbers of a sample depend on each other",
    );
    faults
}

/// The suite: every entry of the catalogue.
#[test]
fn every_entry_is_what_it_declares() {
    let _generator = libtorch();
    for entry in NoiseConfig::ENTRIES {
        let config = NoiseConfig::from_name(entry.name).unwrap();
        let faults = faults(&*config.build(), config.properties());
        assert!(faults.is_empty(), "{}: {faults:?}", entry.name);
    }
}

/// Twice as much noise as it should be, and skewed to the wrong side.
#[derive(Debug)]
struct Wrong;

impl Noise for Wrong {
    fn draw(&self, process: &dyn Process, t: &Tensor, like: &Tensor) -> Result<Tensor, Error> {
        Ok(Gamma::default().draw(process, t, like)? * -1.4)
    }
}

#[test]
fn a_wrong_noise_is_detected() {
    let _generator = libtorch();
    let declared = NoiseConfig::from(Gamma::default()).properties();
    let found = faults(&Wrong, declared);
    assert!(found.len() == 3 && found[0].starts_with("variance 1.9"), "{found:?}");
    assert!(!faults(&Gaussian, declared).is_empty(), "a wrong declaration has to be detected, too");
}

#[test]
fn noise_without_signal_is_finite_and_each_sample_has_its_own_time() {
    let _generator = libtorch();
    let gamma = Gamma { theta_0: 0.5 };
    let process = cosine(1000);
    let like = Tensor::empty([3, 200_000], (Kind::Double, Device::Cpu));
    let times = Tensor::from_slice(&[1_i64, 300, 1000]);
    let eps = gamma.draw(&process, &times, &like).unwrap();
    for (i, t) in [1.0, 300.0, 1000.0].into_iter().enumerate() {
        let row = eps.get(i as i64);
        let moment = |power: f64| row.pow_tensor_scalar(power).mean(Kind::Double).double_value(&[]);
        assert!(row.isfinite().all().int64_value(&[]) == 1, "t = {t}");
        // At the first step nearly all numbers are close to 0, and very few are very large.
        if t > 1.0 {
            assert!((moment(2.0) - 1.0).abs() < 0.03, "t = {t}: variance {}", moment(2.0));
            let skewness = 2.0 / gamma.shape(&process, t).sqrt();
            assert!((moment(3.0) - skewness).abs() < 0.15, "t = {t}: {}, not {skewness}", moment(3.0));
        }
    }
    let flow = Flow;
    let at_end = gamma.draw(&flow, &Tensor::from(1.0), &like).unwrap();
    assert!((at_end.var(true).double_value(&[]) - 1.0).abs() < 0.01);
    for (times, words) in [(vec![0.0], "above 0, up to 1"), (vec![1.5], "got 1.5"), (vec![0.5, 0.5], "one per sample")]
    {
        let refused = gamma.draw(&flow, &Tensor::from_slice(&times), &like).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
    }
}

fn draw_generalized(beta: f64, n: i64) -> Tensor {
    tch::manual_seed(3);
    let like = Tensor::empty([n], (Kind::Double, Device::Cpu));
    GeneralizedNormal { beta }.draw(&Vp::default(), &Tensor::from(0.5), &like).unwrap()
}

/// The quantiles of a Gaussian with `beta = 2`, of a Laplace distribution with `beta = 1`.
#[test]
fn the_quantiles_are_those_of_the_special_cases() {
    let _generator = libtorch();
    let n = 400_000;
    for (beta, quantile) in [
        (2.0, (|p: f64| Tensor::from(p).special_ndtri().double_value(&[])) as fn(f64) -> f64),
        (1.0, |p: f64| (0.5 - p).signum() * (1.0 - 2.0 * (p - 0.5).abs()).ln() / 2.0_f64.sqrt()),
    ] {
        let (sorted, _) = draw_generalized(beta, n).sort(0, false);
        for p in [0.01, 0.1, 0.3, 0.6, 0.9, 0.99] {
            let (found, expected) = (sorted.double_value(&[(p * n as f64) as i64]), quantile(p));
            assert!((found - expected).abs() < 0.03, "beta = {beta}, {p}: {found}, not {expected}");
        }
    }
    assert!((GeneralizedNormal { beta: 2.0 }.scale() - 2.0_f64.sqrt()).abs() < 1e-12);
}

/// `E[eps^4] = Gamma(5 / beta) Gamma(1 / beta) / Gamma(3 / beta)^2`: 6 with `beta = 1`, 25.2 with `beta = 1 / 2`, and 1.8, that of a uniform
/// distribution, in the limit.
#[test]
fn the_kurtosis_is_that_of_the_closed_form() {
    let _generator = libtorch();
    for (beta, expected, tolerance) in [(1.0, 6.0, 0.02), (0.5, 25.2, 0.1), (4.0, 2.188, 0.01), (100.0, 1.801, 0.01)] {
        let found = draw_generalized(beta, 2_000_000).pow_tensor_scalar(4).mean(Kind::Double).double_value(&[]);
        assert!((found / expected - 1.0).abs() < tolerance, "beta = {beta}: {found}, not {expected}");
    }
}

/// A process with this noise, `T = 40`.
fn with(noise: impl Into<NoiseConfig>) -> Box<dyn Process> {
    noise.into().of(Box::new(cosine(40))).unwrap()
}

fn kurtosis(x: &Tensor) -> f64 {
    moments(x)[3]
}

#[test]
fn a_process_keeps_its_signal_and_noise_and_gaussian_noise_changes_nothing() {
    let _generator = libtorch();
    let x0 = Tensor::ones([4, 2], (Kind::Float, Device::Cpu));
    let t = Tensor::from_slice(&[1_i64, 9, 30, 40]);
    let draw = |process: &dyn Process| {
        tch::manual_seed(8);
        forward_diffusion(process, &x0, &t).unwrap()
    };
    let (x_t, eps) = draw(&cosine(40));
    tch::manual_seed(8);
    assert_eq!(eps, x0.randn_like());
    assert_eq!(draw(&*with(Gaussian)), (x_t, eps));
    for entry in ProcessConfig::ENTRIES {
        let build = || ProcessConfig::from_name(entry.name).unwrap().build().process().unwrap();
        let (of, process) = (NoiseConfig::from(Mixture::default()).of(build()).unwrap(), build());
        let numbers = |of: &dyn Process| {
            let t = of.end() * 0.4;
            let at_t = [of.signal(t), of.noise(t), of.network_time(t), of.log_snr(t), of.drift(t), of.diffusion(t)];
            let others = [of.end(), of.noise_at_end(), of.first_time(), of.time_of_log_snr(0.3)];
            (at_t, others, of.steps())
        };
        assert_eq!(numbers(&*of), numbers(&*process), "{}", entry.name);
        assert_eq!((process.noise_kind(), of.noise_kind()), ("gaussian", "mixture"));
    }
    for (noise, field) in [
        (NoiseConfig::from(Mixture { mean: 1.0 }), "Mixture.mean"),
        (Gamma { theta_0: 0.0 }.into(), "Gamma.theta_0"),
        (GeneralizedNormal { beta: 0.1 }.into(), "GeneralizedNormal.beta"),
    ] {
        let refused = TrainingConfig { noise: noise.clone(), ..Default::default() }.validate().unwrap_err().to_string();
        assert!(refused.starts_with(field), "{refused}");
        assert!(noise.of(Box::new(cosine(40))).is_err());
    }
}

/// The mean of `|eps|` is `1 / sqrt(2)` for a Laplace distribution, and `sqrt(2 / pi)` for a Gaussian; that of `eps^4` is 6, and 3.
#[test]
fn training_sees_the_noise_of_the_process() {
    let _generator = libtorch();
    let batch = Batch::of(Tensor::zeros([1000, 200], (Kind::Float, Device::Cpu)));
    let zero = ClosedForm::new(&[200], |x, _| x.zeros_like());
    for (noise, absolute, fourth) in [
        (NoiseConfig::default(), (2.0 / std::f64::consts::PI).sqrt(), 3.0),
        (GeneralizedNormal { beta: 1.0 }.into(), 0.5_f64.sqrt(), 6.0),
    ] {
        let process = with(noise);
        let losses = |objective: ObjectiveConfig| {
            tch::manual_seed(1);
            objective.build().loss(&zero, &*process, &batch).unwrap().by_sample
        };
        let found = losses(L1::default().into()).mean(Kind::Double).double_value(&[]);
        assert!((found - absolute).abs() < 0.005, "{found}, not {absolute}");
        // The variance of the mean of 200 squares.
        let found = losses(Simple::default().into()).to_kind(Kind::Double).var(true).double_value(&[]) * 200.0 + 1.0;
        assert!((found / fourth - 1.0).abs() < 0.1, "{found}, not {fourth}");
    }
}

/// Data that is a single point: the exact denoiser does not depend on the noise, and `( x_t - a x_0 ) / s` is the noise in `x_t`.
#[test]
fn samples_start_from_the_noise_and_fresh_noise_is_of_the_same_kind() {
    let _generator = libtorch();
    let process = with(GeneralizedNormal { beta: 1.0 });
    let point = Tensor::from_slice(&[0.4, -0.7]).view([1, 2]);
    let oracle = MixtureOracle::of_points(&*process, &point).unwrap();
    let noise = draw_noise_of(&[2], Device::Cpu, &*process, 200_000, 3).unwrap();
    assert!((kurtosis(&noise) - 3.0).abs() < 0.3, "{}", kurtosis(&noise));
    let kurtoses = |sampler: SamplerConfig| {
        let mut sampler = sampler.sampler();
        let chain = Chain::new(&mut *sampler, &oracle, &*process, noise.to_kind(Kind::Double)).unwrap();
        let mut kurtoses = Vec::new();
        for state in chain {
            let ChainState { t, x_t, .. } = state.unwrap();
            if t == 0.0 {
                assert!((x_t - &point).abs().max().double_value(&[]) < 1e-9);
                break;
            }
            let eps = (x_t - process.signal(t) * &point) / process.noise(t);
            assert!((eps.var(true).double_value(&[]) - 1.0).abs() < 0.03, "t = {t}");
            kurtoses.push(kurtosis(&eps));
        }
        kurtoses
    };
    // Without fresh noise, the first noise stays; with as much as the forward process adds, each step mixes the two, and the kurtosis of a
    // sum `c eps + sigma z` with `c^2 + sigma^2 = 1` is `3 ( c^4 + sigma^4 )`.
    let kept = kurtoses(Ddim::default().into());
    assert!(kept.iter().all(|kurtosis| (kurtosis - kept[0]).abs() < 1e-6), "{kept:?}");
    let fresh = kurtoses(Ddim { eta: 1.0, ..Default::default() }.into());
    let mut expected = kept[0];
    for (i, found) in fresh.iter().enumerate() {
        if i > 0 {
            let (from, to) = (41.0 - i as f64, 40.0 - i as f64);
            let kept = process.signal(from) / process.signal(to) * process.noise(to) / process.noise(from);
            let (kept, fresh) = (kept.powi(2), 1.0 - kept.powi(2));
            expected = kept.powi(2) * expected + 3.0 * fresh.powi(2);
        }
        assert!((found - expected).abs() < 0.3, "state {i}: {found}, not {expected}");
    }
    let posterior = kurtoses(Ancestral::with_variance(ReverseVariance::Posterior).into());
    assert!(posterior.iter().zip(&fresh).all(|(one, other)| (one - other).abs() < 0.3), "{posterior:?}");
}

#[test]
fn a_sampler_runs_if_it_adds_no_noise_or_that_of_the_process() {
    let (gaussian, skewed) = (with(Gaussian), with(Gamma::default()));
    let mut refused = Vec::new();
    for entry in SamplerConfig::ENTRIES {
        let config = SamplerConfig::from_name(entry.name).unwrap();
        assert!(config.sampler().times(&*gaussian).is_ok(), "{}", entry.name);
        match config.sampler().times(&*skewed) {
            Ok(_) => assert!(config.fits_noise_of(&*skewed)),
            Err(error) => {
                let error = error.to_string();
                assert!(
                    error.contains("the noise gamma of this process; these samplers do: ancestral, ddim, plms"),
                    "{error}"
                );
                refused.push(entry.name);
            }
        }
    }
    let fresh_gaussian_noise = [
        "consistent-annealed",
        "annealed-langevin",
        "predictor-corrector",
        "sde-dpm-solver++2m",
        "edm-stochastic",
        "reverse-diffusion",
        "euler-maruyama",
        "sde-heun",
        "ito-taylor",
    ];
    assert_eq!(refused, fresh_gaussian_noise);
    let without_fresh_noise = SamplerConfig::from(ConsistentAnnealed { power: 1.0, ..Default::default() });
    assert!(without_fresh_noise.sampler().times(&*skewed).is_ok());
    let noise = NoiseConfig::from(Gamma::default());
    for entry in ProcessConfig::ENTRIES {
        let process = noise.of(ProcessConfig::from_name(entry.name).unwrap().build().process().unwrap()).unwrap();
        assert!(SamplingConfig::for_process(&*process).sampler.sampler().times(&*process).is_ok(), "{}", entry.name);
    }
}

#[test]
fn a_model_is_trained_validated_and_read_with_its_own_noise() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 200);
    let training = TrainingConfig { noise: Gamma { theta_0: 0.3 }.into(), validation_samples: 20, ..quick_training() };
    let json = serde_json::to_value(&training).unwrap();
    assert_eq!(json["noise"], serde_json::json!({ "name": "gamma", "theta_0": 0.3 }));
    assert!(serde_json::to_value(quick_training()).unwrap().get("noise").is_none());
    assert_eq!(serde_json::from_value::<TrainingConfig>(json).unwrap(), training);

    let manager = ModelManager::new(&base, "skewed", small_network(), &training).unwrap();
    let (model, loader) = (manager.get_model().unwrap(), get_dataloader(&base, &training).unwrap());
    let constants = ConstantsManager::new(&base, &training).unwrap();
    let refused = train(&manager, &model, &loader, &constants, &mut |_| ()).unwrap_err().to_string();
    assert!(refused.contains("noise of the process: expected gamma, that of skewed: use get_process"), "{refused}");
    let process = get_process(&base, &training).unwrap();
    let state = train(&manager, &model, &loader, &*process, &mut |_| ()).unwrap();
    assert_eq!(state.epoch(), 3);

    let held_out = Batch::of(loader.held_out().unwrap());
    let loss = |process: &dyn Process, seed: i64| {
        tch::manual_seed(seed);
        let loss = validation_loss(&model, process, &held_out).unwrap();
        (loss, Tensor::rand([1], (Kind::Float, Device::Cpu)).double_value(&[0]))
    };
    let (first, second) = (loss(&*process, 1), loss(&*process, 2));
    assert_eq!(first.0, second.0, "always the same noise");
    assert!(first.1 != second.1 && first == loss(&*process, 1), "what is drawn next follows from the seed before");
    assert!((first.0 - loss(&constants, 1).0).abs() > 1e-4, "other noise");

    // The weights are not read as those of another noise.
    let path = manager.folder().join("config.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("\"theta_0\": 0.3", "\"theta_0\": 0.4");
    std::fs::write(&path, text).unwrap();
    let changed = ModelManager::open(&base, "skewed").unwrap();
    let refused = changed.get_model().err().unwrap().to_string();
    assert!(refused.contains("was trained for the noise") && refused.contains("0.3"), "{refused}");
}
