//! Algorithm 1 with networks of one's own: they learn, they diverge, they panic.

mod common;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;

use common::{ClosedForm, base, libtorch, quick_training, setting, small_network, weights};
use ddpm_tutor::prelude::*;
use tch::nn::Module;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

/// What a reader would write in a cell.
struct TwoLayers {
    vs: nn::VarStore,
    layers: nn::Sequential,
    _unused: Tensor,
}

impl TwoLayers {
    fn new() -> Self {
        let vs = nn::VarStore::new(Device::Cpu);
        let root = vs.root();
        let layers = nn::seq()
            .add(nn::linear(&root / "first", 3, 32, Default::default()))
            .add_fn(|h| h.tanh())
            .add(nn::linear(&root / "second", 32, 2, Default::default()));
        let unused = root.var("unused", &[3], nn::Init::Const(1.0));
        Self { vs, layers, _unused: unused }
    }
}

impl Network for TwoLayers {
    fn forward(&self, x_t: &Tensor, t: &Tensor, _given: &Given) -> Tensor {
        let t = t.to_kind(Kind::Float).unsqueeze(1) / 10.0;
        self.layers.forward(&Tensor::cat(&[x_t, &t], 1))
    }

    fn sample_shape(&self) -> Vec<i64> {
        vec![2]
    }

    fn var_store(&self) -> &nn::VarStore {
        &self.vs
    }
}

fn gradients_are_on() -> bool {
    (Tensor::ones([1], FLOAT).set_requires_grad(true) * 2.0).requires_grad()
}

fn quietly<T>(f: impl FnOnce() -> T) -> std::thread::Result<T> {
    catch_unwind(AssertUnwindSafe(f))
}

#[test]
fn a_network_of_one_s_own_learns_and_samples() {
    let _generator = libtorch();
    tch::manual_seed(1);
    let model = Model::new(TwoLayers::new());
    // Two narrow clouds.
    let data = Tensor::randn([600, 2], FLOAT) * 0.05
        + Tensor::from_slice(&[1.0_f32, -1.0]).repeat([300]).view([600, 1]) * Tensor::from_slice(&[1.0_f32, 0.5]);
    let training = TrainingConfig {
        timesteps: 30,
        schedule: LinearSchedule.into(),
        epochs: 60,
        learning_rate: 0.01,
        ..quick_training()
    };
    let (loader, constants, mut state) = setting(&model, data, &training);
    let mut reports = 0;
    while state.epoch() < training.epochs {
        let epoch = state.epoch() + 1;
        train_one_epoch(&model, &loader, &constants, &mut state, &mut |report| {
            reports += 1;
            assert_eq!((report.epoch, report.epochs, report.steps), (epoch, 60, 12));
            assert!(report.loss.is_finite() && report.grad_norm > 0.0 && report.learning_rate > 0.0);
        })
        .unwrap();
    }
    assert_eq!((reports, state.steps(), state.groups()[0].optimizer.steps()), (60 * 12, 60 * 12, 60 * 12));
    let (first, last) = (state.history()[0].mean, state.history()[59].mean);
    assert!(last < 0.6 * first, "loss {first} to {last}");
    let draw = |model: &Model| {
        generate_samples(model, &constants, 600, 2, &mut InferenceLogger::new(InferType::None)).unwrap()
    };
    let distance = |samples: Tensor| sliced_wasserstein(&samples, &loader.first(loader.samples()), 0).unwrap();
    let (trained, untrained) = (
        distance(state.with_averaged_weights(|| Ok(draw(&model))).unwrap()),
        distance(draw(&Model::new(TwoLayers::new()))),
    );
    assert!(trained < 0.35 && trained < 0.5 * untrained, "distance to the data: {untrained} to {trained}");
}

#[test]
fn a_loss_that_is_not_finite_stops_before_the_step() {
    let _generator = libtorch();
    let (seen, calls) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(0)));
    let counter = Rc::clone(&calls);
    let model = ClosedForm::with_weight(&[2], &[0.1], move |x, _, w| {
        counter.set(counter.get() + 1);
        if counter.get() == 4 { x * w * f64::NAN } else { x * w }
    });
    let (loader, constants, mut state) = setting(&model, Tensor::randn([500, 2], FLOAT), &quick_training());
    let norms = RefCell::new(Vec::new());
    let error = train_one_epoch(&model, &loader, &constants, &mut state, &mut |report| {
        seen.borrow_mut().push(weights(&model));
        norms.borrow_mut().push(report.grad_norm);
    })
    .unwrap_err();
    let before = norms.borrow()[2];
    assert!(
        matches!(error, Error::Diverged { step: 4, epoch: 1, loss, grad_norm: None, grad_norm_before: Some(norm), ref timesteps, .. }
            if loss.is_nan() && norm == before && timesteps.contains("at t = ")),
        "{error}"
    );
    let told = format!("gradient norm of the step before {before:.2},");
    assert!(before > 0.01 && error.to_string().contains(&told), "{told} is not in {error}");
    assert!(error.to_string().contains("step 4") && error.to_string().contains("learning_rate"), "{error}");
    assert_eq!((calls.get(), state.steps(), state.groups()[0].optimizer.steps(), state.epoch()), (4, 3, 3, 0));
    assert_eq!(seen.borrow()[2], weights(&model), "those after the third step");
    assert!(gradients_are_on());
    assert!(train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).is_ok(), "it can go on");
}

#[test]
fn a_gradient_that_is_not_finite_stops_before_the_step() {
    let _generator = libtorch();
    // The square root has no slope at 0.
    let model = ClosedForm::with_weight(&[2], &[0.0], |x, _, w| x + w.sqrt());
    let (loader, constants, mut state) = setting(&model, Tensor::ones([100, 2], FLOAT), &quick_training());
    let before = weights(&model);
    let error = train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).unwrap_err();
    let is_named = matches!(error, Error::Diverged { step: 1, loss, grad_norm, .. } if loss.is_finite() && !grad_norm.unwrap().is_finite());
    assert!(is_named, "{error}");
    assert_eq!((weights(&model), state.steps(), state.groups()[0].optimizer.steps()), (before, 0, 0));
    let average = state.with_averaged_weights(|| Ok(weights(&model))).unwrap();
    assert_eq!(average, weights(&model));
}

#[test]
fn data_too_large_for_f32_diverges_and_broken_data_is_refused() {
    let _generator = libtorch();
    let model = get_model(&base(Path::new("unused"), 1), small_network(), &quick_training()).unwrap();
    let before = weights(&model);
    let data = Tensor::full([60, 2], 1e30, FLOAT);
    let (loader, constants, mut state) = setting(&model, data, &quick_training());
    let error = train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).unwrap_err();
    assert!(matches!(error, Error::Diverged { step: 1, grad_norm_before: None, .. }), "{error}");
    assert!(error.to_string().contains("none, this is the first step"), "{error}");
    assert_eq!(weights(&model), before);

    let images = Tensor::zeros([3, 1, 2, 2], FLOAT);
    let _ = images.get(2).fill_(f64::NEG_INFINITY);
    let error = DataLoader::new(images, &BaseConfig::default(), &quick_training()).unwrap_err();
    assert!(matches!(error, Error::DataNotFinite { count: 4, total: 12, first_row: 2, .. }), "{error}");

    let (loader, constants, mut state) = setting(&model, Tensor::zeros([60, 3], FLOAT), &quick_training());
    let message = train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).unwrap_err().to_string();
    assert!(message.contains("[N, 2]") && message.contains("[60, 3]"), "{message}");
    let narrow = ClosedForm::with_weight(&[2], &[1.0], |x, _, w| x.sum_dim_intlist(1, false, None) * w);
    let (loader, constants, mut state) = setting(&narrow, Tensor::zeros([60, 2], FLOAT), &quick_training());
    let message = train_one_epoch(&narrow, &loader, &constants, &mut state, &mut |_| ()).unwrap_err().to_string();
    assert!(message.contains("prediction") && message.contains("[50]"), "{message}");
}

#[test]
fn a_panic_in_a_network_leaves_gradients_and_weights_as_they_were() {
    let _generator = libtorch();
    let fails = Rc::new(Cell::new(false));
    let failing = Rc::clone(&fails);
    let model = ClosedForm::with_weight(&[2], &[0.2], move |x, t, w| {
        assert!(!(failing.get() && t.int64_value(&[0]) == 3), "an error in a cell");
        x * w
    });
    let (loader, constants, mut state) = setting(&model, Tensor::randn([200, 2], FLOAT), &quick_training());
    train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).unwrap();
    let raw = weights(&model);
    let average = state.with_averaged_weights(|| Ok(weights(&model))).unwrap();
    assert_ne!(raw, average);

    fails.set(true);
    let mut none = InferenceLogger::new(InferType::None);
    assert!(quietly(|| generate_samples(&model, &constants, 4, 0, &mut none)).is_err());
    assert!(gradients_are_on(), "after a panic while sampling");
    let sampling = quietly(|| state.with_averaged_weights(|| generate_samples(&model, &constants, 4, 0, &mut none)));
    assert!(sampling.is_err() && gradients_are_on(), "after a panic with averaged weights");
    assert_eq!(weights(&model), raw, "its own weights are back");
    {
        let _no_grad = tch::no_grad_guard();
        assert!(quietly(|| generate_samples(&model, &constants, 4, 0, &mut none)).is_err());
        assert!(!gradients_are_on(), "they stay off where they were off");
    }
    let in_training = quietly(|| {
        let observer = &mut |_: &StepReport| panic!("a mistake in an observer");
        train_one_epoch(&model, &loader, &constants, &mut state, observer)
    });
    assert!(in_training.is_err() && gradients_are_on(), "after a panic while training");
    fails.set(false);
    assert!(generate_samples(&model, &constants, 4, 0, &mut none).is_ok());
    assert!(train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).is_ok());
}
