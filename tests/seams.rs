//! Where a reader's own part takes the place of one of ours: labels, real-valued times, gradients,
//! processes and samplers.

mod common;

use std::path::Path;

use common::{ClosedForm, base, libtorch, quick_training, setting, small_network, weights};
use ddpm_tutor::prelude::*;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);
const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn largest(x: &Tensor) -> f64 {
    x.abs().max().double_value(&[])
}

#[test]
fn a_network_is_told_of_classes_and_only_of_those_that_it_has() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let (base, training) = (base(folder.path(), 100), quick_training());
    let manager = ModelManager::new(&base, "m", small_network(), &training).unwrap();
    let old = manager.get_model().unwrap();
    manager.create_checkpoint(&TrainingState::new(&old, &base, &training).unwrap()).unwrap();
    let of = |classes| {
        let elsewhere = BaseConfig { seed: 77, ..base.clone() };
        get_model(&elsewhere, FnnConfig { classes, ..small_network() }, &training).unwrap()
    };
    let (plain, labelled) = (of(0), of(3));
    manager.load_weights(&plain, None, Weights::Raw).unwrap();
    assert_eq!(weights(&plain), weights(&old), "what was trained before there were classes");
    let message = manager.load_weights(&labelled, None, Weights::Raw).unwrap_err().to_string();
    assert!(message.contains("no tensor \"model.class_embedding.weight\""), "{message}");

    let (loader, constants, mut state) = setting(&labelled, Tensor::randn([100, 2], FLOAT), &training);
    let x = Tensor::randn([2, 2], FLOAT);
    let seen = |label: [i64; 2]| {
        let denoiser = labelled.denoiser_given(&constants, Given::label(Tensor::from_slice(&label)))?;
        denoiser.denoise(&x, 5.0).map(|seen| seen.eps)
    };
    let (first, mixed) = (seen([0, 0]).unwrap(), seen([0, 2]).unwrap());
    assert!(largest(&(first.get(0) - mixed.get(0))) < 1e-6, "the same class");
    assert!(largest(&(first.get(1) - mixed.get(1))) > 1e-4, "another one");
    let null = labelled.denoiser(&constants).denoise(&x, 5.0).unwrap().eps;
    assert!(largest(&(seen([3, 3]).unwrap() - null)) < 1e-6, "the null token is no label");

    for label in [[0, 4], [-1, 0]] {
        let message = seen(label).err().unwrap().to_string();
        let outside = label.iter().find(|label| !(0..=3).contains(*label)).unwrap();
        assert!(
            message.contains("0 to 2, or 3, the null token") && message.ends_with(&format!("got {outside}")),
            "{message}"
        );
    }
    assert!(matches!(seen([0, 4]), Err(Error::Config { .. })));
    let given = Given::label(Tensor::from_slice(&[0_i64, 1]));
    let message = plain.denoiser_given(&constants, given).err().unwrap().to_string();
    assert!(message.contains("takes no labels") && message.contains("classes"), "{message}");
    let message = train_one_epoch(&labelled, &loader, &constants, &mut state, &mut |_| ()).unwrap_err().to_string();
    assert!(message.contains("labels of 3 classes, but the data set has 0"), "{message}");
    assert_eq!(state.steps(), 0);
}

#[test]
fn times_are_real_numbers_and_numbers_keep_their_kind() {
    let _generator = libtorch();
    let training = quick_training();
    let model = get_model(&base(Path::new("unused"), 1), small_network(), &training).unwrap();
    let (_, constants, _) = setting(&model, Tensor::randn([100, 2], FLOAT), &training);
    let (x0, eps) = (Tensor::randn([4, 2], DOUBLE), Tensor::randn([4, 2], DOUBLE));
    let (whole, real) = (Tensor::from_slice(&[7_i64; 4]), |t: f64| Tensor::from_slice(&[t; 4]));
    let noisy = |t: &Tensor| add_noise(&constants, &x0, t, &eps).unwrap();
    assert_eq!((noisy(&whole), noisy(&whole).kind()), (noisy(&real(7.0)), Kind::Double));

    let seen = |t: &Tensor| predict(&model, &constants, &x0, t).unwrap();
    assert_eq!(seen(&whole), seen(&real(7.0)));
    let [six, between, seven] = [6.0, 6.5, 7.0].map(|t| seen(&real(t)));
    assert!(between.isfinite().all().int64_value(&[]) == 1);
    assert!(largest(&(&between - six)) > 1e-5 && largest(&(&between - seven)) > 1e-5);
    for outside in [0.0, -0.5, 10.5, f64::NAN] {
        let message = predict(&model, &constants, &x0, &real(outside)).unwrap_err().to_string();
        assert!(message.contains("above 0, up to 10"), "{message}");
    }

    for kind in [Kind::Float, Kind::Double] {
        let noise = Tensor::randn([4, 2], (kind, Device::Cpu));
        let mut observer = |state: &ChainState| {
            assert_eq!((state.x_t.kind(), state.predicted_x0.kind()), (kind, kind));
            std::ops::ControlFlow::Continue(())
        };
        let denoiser = model.denoiser(&constants);
        let clipped = Clipped::new(&denoiser, &constants);
        let samples = run_chain(&mut Ancestral::default(), &clipped, &constants, noise, &mut observer).unwrap();
        assert_eq!((samples.kind(), samples.isfinite().all().int64_value(&[])), (kind, 1));
    }
}

#[test]
fn gradients_are_there_for_those_who_ask() {
    let _generator = libtorch();
    let model = get_model(&base(Path::new("unused"), 1), small_network(), &quick_training()).unwrap();
    let (_, constants, _) = setting(&model, Tensor::randn([100, 2], FLOAT), &quick_training());
    let denoiser = model.denoiser(&constants);
    let noise = || Tensor::randn([4, 2], FLOAT).set_requires_grad(true);
    let x = noise();
    let seen = denoiser.denoise(&x, 5.0).unwrap();
    for of in [&seen.x0, &seen.eps] {
        let gradient = Tensor::run_backward(&[of.sum(Kind::Float)], &[&x], true, false);
        assert!(gradient[0].size() == x.size() && largest(&gradient[0]) > 0.0);
    }
    let mut sampler = Ancestral::default();
    // The first state is the noise itself, as it came.
    let chain = Chain::new(&mut sampler, &denoiser, &constants, noise()).unwrap();
    assert!(
        chain
            .map(Result::unwrap)
            .skip(1)
            .all(|state| !state.x_t.requires_grad() && !state.predicted_x0.requires_grad())
    );
    let start = noise();
    let chain = Chain::new(&mut sampler, &denoiser, &constants, start.shallow_clone()).unwrap().with_gradients();
    let states: Vec<ChainState> = chain.map(Result::unwrap).collect();
    assert!(states.iter().all(|state| state.x_t.requires_grad() && state.predicted_x0.requires_grad()));
    let gradient = Tensor::run_backward(&[states[10].x_t.sum(Kind::Float)], &[start], false, false);
    assert!(largest(&gradient[0]) > 0.0, "from the last state to the first");
}

/// `alpha_bar(t) = exp(-5 t^2)`, for `t` in `(0, 1]`.
#[derive(Debug, Clone, Copy)]
struct Continuous;

impl Process for Continuous {
    fn signal(&self, t: f64) -> f64 {
        (-2.5 * t * t).exp()
    }

    fn noise(&self, t: f64) -> f64 {
        (-(-5.0 * t * t).exp_m1()).sqrt()
    }

    fn end(&self) -> f64 {
        1.0
    }

    fn network_time(&self, t: f64) -> f64 {
        t
    }

    fn steps(&self) -> Option<usize> {
        None
    }
}

/// Ten steps of equal length without noise of their own: `x_to = a(to) x_0 + s(to) eps`. Song et al. 2021, equation 12.
#[derive(Debug)]
struct WithoutNoise;

impl Sampler for WithoutNoise {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>, Error> {
        Ok((0..=10).rev().map(|i| process.end() * f64::from(i) / 10.0).collect())
    }

    fn step(&mut self, d: &dyn Denoiser, p: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step, Error> {
        let Denoised { x0, eps, .. } = d.denoise(x, from)?;
        Ok(Step { x: p.signal(to) * &x0 + p.noise(to) * eps, predicted_x0: x0 })
    }
}

/// The best denoiser of data that is one point: `eps = (x - a p) / s`.
struct OnePoint(Tensor);

impl Denoiser for OnePoint {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised, Error> {
        let eps = (x_t - Continuous.signal(t) * &self.0) / Continuous.noise(t);
        Ok(Denoised::from_eps(eps, x_t, &Level::at(&Continuous, t, x_t)?))
    }
}

#[test]
fn a_process_and_a_sampler_of_one_s_own_train_and_sample() {
    let _generator = libtorch();
    let training = TrainingConfig { validation_samples: 20, ..quick_training() };
    let model = get_model(&base(Path::new("unused"), 1), small_network(), &training).unwrap();
    let (loader, _, mut state) = setting(&model, Tensor::randn([200, 2], FLOAT), &training);
    let before = weights(&model);
    let loss = train_one_epoch(&model, &loader, &Continuous, &mut state, &mut |_| ()).unwrap();
    assert!(loss.mean.is_finite() && loss.quarters.iter().all(|quarter| quarter.is_finite()), "{loss}");
    assert!(loss.validation.unwrap().is_finite() && weights(&model) != before);
    let mut none = InferenceLogger::new(InferType::None);
    let message = generate_samples(&model, &Continuous, 3, 0, &mut none).unwrap_err().to_string();
    assert!(message.contains("a number of steps") && message.contains("times are real numbers"), "{message}");
    let drawn = generate_samples_with(&mut WithoutNoise, &model, &Continuous, 3, 0, &mut none).unwrap();
    assert_eq!((drawn.size(), drawn.isfinite().all().int64_value(&[])), (vec![3, 2], 1));

    let (point, noise) = (Tensor::from_slice(&[0.7, -1.2]), Tensor::randn([50, 2], DOUBLE));
    let denoiser = OnePoint(point.shallow_clone());
    let exact = run_chain(&mut WithoutNoise, &denoiser, &Continuous, noise.shallow_clone(), &mut none).unwrap();
    assert!(exact.kind() == Kind::Double && largest(&(exact - &point)) < 1e-10);
    // A network computes in f32.
    let target = point.to_kind(Kind::Float);
    let model = ClosedForm::new(&[2], move |x_t, t| {
        let t = t.double_value(&[0]);
        (x_t - Continuous.signal(t) * &target) / Continuous.noise(t)
    });
    let near = run_chain(&mut WithoutNoise, &model.denoiser(&Continuous), &Continuous, noise, &mut none).unwrap();
    assert!(near.kind() == Kind::Double && largest(&(near - &point)) < 1e-5);
}

/// A sampler that visits the given times.
#[derive(Debug)]
struct At(Vec<f64>);

impl Sampler for At {
    fn times(&mut self, _process: &dyn Process) -> Result<Vec<f64>, Error> {
        Ok(self.0.clone())
    }

    fn step(&mut self, d: &dyn Denoiser, p: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step, Error> {
        // Back up it goes by a little noise, as one that repaints does.
        if to > from {
            return Ok(Step { x: x + 0.1 * x.randn_like(), predicted_x0: x.shallow_clone() });
        }
        reverse_step(d, p, ReverseVariance::Beta, x, from, to)
    }
}

#[test]
fn the_times_of_a_sampler_lie_within_the_process() {
    let model = ClosedForm::new(&[2], |x, _| x.zeros_like());
    let constants = ConstantsManager::from_betas(&[0.1; 10], 1, Device::Cpu).unwrap();
    let ends_at = |times: &[f64]| {
        let (mut sampler, denoiser) = (At(times.to_vec()), model.denoiser(&constants));
        let chain = Chain::new(&mut sampler, &denoiser, &constants, Tensor::zeros([3, 2], FLOAT))?;
        let last = chain.last().unwrap()?;
        assert_eq!(last.x_t.isfinite().all().int64_value(&[]), 1, "{times:?}");
        Ok(last.t)
    };
    // Also back, between steps, and nowhere.
    for times in [&[10.0, 0.0][..], &[9.5, 0.25, 3.0, 0.0], &[5.0, 1.0], &[0.0]] {
        assert_eq!(ends_at(times).unwrap(), times[times.len() - 1], "{times:?}");
    }
    // A step from t = 0 to t = 0 has no noise to predict.
    assert!(matches!(ends_at(&[0.0, 0.0]).unwrap_err(), Error::Timestep { .. }));
    for times in [&[11.0, 0.0][..], &[5.0, -1.0, 0.0], &[f64::NAN, 0.0], &[]] {
        let error = ends_at(times).unwrap_err();
        let words = ["at least one time, each from 0 to 10", &format!("{times:?} from At")];
        assert!(
            matches!(error, Error::Timestep { .. }) && words.iter().all(|word| error.to_string().contains(word)),
            "{error}"
        );
    }
}
