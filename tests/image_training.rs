//! Training on images: it learns, it stops and goes on, it starts from another model, it runs out of memory with advice,
//! and its samples stay in range.

mod common;

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

use common::{ClosedForm, checkpoints, libtorch, weights};
use ddpm_tutor::prelude::*;

fn config(models_dir: &Path, channels: i64) -> (BaseConfig, UnetConfig, TrainingConfig) {
    let dataset = Dataset::PaintedFlowers(PaintedFlowers { size: [8, 8], ..Default::default() });
    let (compute, models_dir) = (DeviceChoice::Cpu.into(), models_dir.to_owned());
    let base = BaseConfig { dataset, compute, dataset_size: 96, models_dir, ..Default::default() };
    let unet = UnetConfig {
        image_shape: [3, 8, 8],
        base_channels: channels,
        channel_multipliers: vec![1, 2],
        attention: vec![false, true],
        residual_blocks: 1,
        dropout: 0.1,
        ..Default::default()
    };
    let training = TrainingConfig {
        timesteps: 50,
        epochs: 2,
        batch_size: 16,
        validation_samples: 12,
        checkpoints: checkpoints(0, InferType::Image),
        learning_rate: 2e-3,
        warmup_steps: 4,
        ..TrainingConfig::for_images()
    };
    (base, unet, training)
}

struct Run {
    manager: ModelManager,
    model: Model,
    dataloader: DataLoader,
    constants: ConstantsManager,
}

impl Run {
    fn new(name: &str, (base, unet, training): &(BaseConfig, UnetConfig, TrainingConfig)) -> Self {
        let manager = ModelManager::new(base, name, unet.clone(), training).unwrap();
        let model = get_model(base, unet.clone(), training).unwrap();
        let dataloader = get_dataloader(base, training).unwrap();
        let constants = ConstantsManager::new(base, training).unwrap();
        Self { manager, model, dataloader, constants }
    }

    fn train(&self, observer: &mut dyn FnMut(&StepReport)) -> Result<TrainingState, Error> {
        train(&self.manager, &self.model, &self.dataloader, &self.constants, observer)
    }
}

#[test]
fn a_unet_learns_on_painted_flowers_and_the_validation_loss_says_so() {
    let _libtorch = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), 16);
    config.2.epochs = 8;
    let run = Run::new("learns", &config);
    assert_eq!(run.dataloader.samples() + run.dataloader.held_out().unwrap().size()[0], 96);
    let state = run.train(&mut |_| ()).unwrap();
    let validation: Vec<f64> = state.history().iter().map(|loss| loss.validation.unwrap()).collect();
    assert!(validation[7] < 0.9 * validation[0], "{validation:?}");
    assert!(state.history()[7].mean < state.history()[0].mean, "{:?}", state.history());
    // The validation loss is of the averaged weights, and the same whenever it is measured.
    let again = || validation_loss(&run.model, &run.constants, &run.dataloader.held_out_batch().unwrap());
    let averaged = state.with_averaged_weights(again).unwrap();
    assert!((averaged - validation[7]).abs() < 1e-6, "{averaged} and {}", validation[7]);
}

#[test]
fn a_training_that_is_stopped_in_an_epoch_ends_where_one_that_is_not_does() {
    let _libtorch = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), 8);
    let whole = Run::new("whole", &config);
    let expected = whole.train(&mut |_| ()).unwrap();

    let stopped = Run::new("stopped", &config);
    let mut steps = Vec::new();
    for stop_at in [2, 3, 6, 8] {
        let run = Run::new("stopped", &config);
        let state = run
            .train(&mut |report| {
                steps.push((report.epoch, report.step));
                if steps.len() == stop_at {
                    report.stop();
                }
            })
            .unwrap();
        assert!(state.is_stopped());
        assert_eq!(state.steps_into_epoch() as usize, stop_at % 6, "{stop_at}");
        let file = stopped.manager.folder().join("checkpoints/stopped.safetensors");
        assert_eq!(file.exists(), stop_at % 6 > 0, "only in the middle of an epoch");
    }
    let run = Run::new("stopped", &config);
    let state = run.train(&mut |report| steps.push((report.epoch, report.step))).unwrap();
    let each: Vec<(usize, u64)> = (1..=2).flat_map(|epoch| (1..=6).map(move |step| (epoch, step))).collect();
    assert_eq!(steps, each, "every step once");
    assert_eq!(weights(&run.model), weights(&whole.model));
    assert_eq!(state.history(), expected.history());
    assert!(!state.is_stopped());
    assert_eq!(run.manager.checkpoints(), [1, 2]);
    assert!(!run.manager.folder().join("checkpoints/stopped.safetensors").exists());
}

#[test]
fn a_new_model_starts_from_another_ones_weights_on_other_data() {
    let _libtorch = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), 8);
    config.2.epochs = 1;
    let first = Run::new("first", &config);
    let state = first.train(&mut |_| ()).unwrap();
    let averaged = state.with_averaged_weights(|| Ok(weights(&first.model))).unwrap();

    config.0.dataset = Dataset::PaintedFlowers(PaintedFlowers { size: [16, 8], ..Default::default() });
    config.1.image_shape = [3, 16, 8];
    config.2.start_from = Some("first".to_owned());
    let second = Run::new("second", &config);
    let mut start = None;
    second
        .train(&mut |report| {
            start.get_or_insert(report.loss);
            report.stop();
        })
        .unwrap();
    assert_ne!(weights(&second.model), averaged, "one step further");
    assert!(start.unwrap() < 0.99, "it starts from what the first has learned: {start:?}");

    // A network of another width does not fit, and the first tensors that do not are named. Nothing is left behind.
    let refused = |name: &str, (base, unet, training): &(BaseConfig, UnetConfig, TrainingConfig)| {
        let error = ModelManager::new(base, name, unet.clone(), training).unwrap_err();
        assert!(!folder.path().join(name).exists(), "{name} was left behind");
        error.to_string()
    };
    let right = config.clone();
    config.1.base_channels = 16;
    let message = refused("third", &config);
    assert!(message.contains("tensor \"ema.bottleneck_blocks.0") && message.contains("shape [32], got"), "{message}");
    assert!(message.matches("expected F32 of shape").count() == 8 && message.contains(" more"), "{message}");
    config.2.start_from = Some("nobody".to_owned());
    let message = refused("third", &config);
    assert!(message.contains("no model \"nobody\"") && message.contains("first"), "{message}");
    // The corrected one is a new model still.
    Run::new("third", &right);
}

/// A network for which memory runs out above a batch of five, and how often it has.
fn hungry() -> (Model, Rc<Cell<usize>>) {
    let failed = Rc::new(Cell::new(0));
    let failures = Rc::clone(&failed);
    let model = ClosedForm::with_weight(&[3, 8, 8], &[0.5], move |x_t, _, weight| {
        failures.set(failures.get() + usize::from(x_t.size()[0] > 5));
        assert!(x_t.size()[0] <= 5, "CUDA out of memory. Tried to allocate 20.00 MiB.");
        x_t * weight
    });
    (model, failed)
}

#[test]
fn out_of_memory_names_a_batch_that_fits_and_sampling_splits() {
    let _libtorch = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let (base, _, training) = config(folder.path(), 8);
    let dataloader = get_dataloader(&base, &training).unwrap();
    let constants = ConstantsManager::new(&base, &training).unwrap();
    let (model, failed) = hungry();
    let mut state = TrainingState::new(&model, &base, &training).unwrap();
    let before = weights(&model);
    let error = train_one_epoch(&model, &dataloader, &constants, &mut state, &mut |_| ()).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { batch_size: 16, fits: Some(4), .. }), "{error}");
    assert!(error.to_string().contains("batch of 16 does not fit; 4 does"), "{error}");
    assert_eq!(weights(&model), before);

    let mut none = InferenceLogger::new(InferType::None);
    failed.set(0);
    let samples = generate_samples(&model, &constants, 12, 0, &mut none).unwrap();
    assert_eq!(failed.get(), 2, "12 and 6 are tried once, and not at each of 50 steps");
    let roomy = ClosedForm::with_weight(&[3, 8, 8], &[0.5], |x_t, _, weight| x_t * weight);
    let whole = generate_samples(&roomy, &constants, 12, 0, &mut none).unwrap();
    assert_eq!(samples, whole, "the parts do not show");

    // Neither does what looks at many samples at once without a gradient.
    let (x0, t) = (dataloader.first(12), constants.same_timestep(7, 12));
    assert_eq!(predict(&model, &constants, &x0, &t).unwrap(), predict(&roomy, &constants, &x0, &t).unwrap());
    let held_out = Batch::of(x0.shallow_clone());
    let validation = |model: &Model| validation_loss(model, &constants, &held_out).unwrap();
    assert_eq!(validation(&model), validation(&roomy));
    let full = ClosedForm::new(&[3, 8, 8], |_, _| panic!("CUDA out of memory."));
    let error = predict(&full, &constants, &x0, &t).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { batch_size: 1, fits: None, .. }), "{error}");
    assert!(error.to_string().contains("(libtorch said: CUDA out of memory.)"), "{error}");
}

#[test]
fn other_panics_go_on() {
    let _libtorch = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let (base, _, training) = config(folder.path(), 8);
    let constants = ConstantsManager::new(&base, &training).unwrap();
    let model = ClosedForm::new(&[3, 8, 8], |_, _| panic!("another mistake"));
    let draw = || generate_samples(&model, &constants, 1, 0, &mut InferenceLogger::new(InferType::None));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(draw)).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"another mistake"));
}

#[test]
fn clipping_changes_nothing_in_range_and_keeps_predictions_in_it() {
    let _libtorch = libtorch();
    let betas = CosineSchedule.betas(20).unwrap();
    let constants = || ConstantsManager::from_betas(&betas, 3, Device::Cpu).unwrap();
    let x0 = Tensor::rand([4, 3, 8, 8], (Kind::Float, Device::Cpu)) * 1.8 - 0.9;
    let truth = x0.shallow_clone();
    // Knows x_0, so its predictions are in range; and one whose predictions never are.
    let knowing = |scale: f64| {
        let (truth, constants) = (truth.shallow_clone(), constants());
        ClosedForm::new(&[3, 8, 8], move |x_t, t| {
            let signal = constants.sqrt_alpha_cumulative_at(t).unwrap();
            let noise = constants.sqrt_one_minus_alpha_cumulative_at(t).unwrap();
            (x_t - signal * (&truth * scale)) / noise
        })
    };
    for t in [1, 7, 20] {
        let timesteps = constants().same_timestep(t, 4);
        let (x_t, _) = forward_diffusion(&constants(), &x0, &timesteps).unwrap();
        let step = |scale, clip| {
            tch::manual_seed(4);
            let (model, constants) = (knowing(scale), constants());
            let denoiser = model.denoiser(&constants);
            let clipped = Clipped::new(&denoiser, &constants);
            let seen: &dyn Denoiser = if clip { &clipped } else { &denoiser };
            reverse_step(seen, &constants, ReverseVariance::Beta, &x_t, t as f64, t as f64 - 1.0).unwrap()
        };
        let (clipped, free) = (step(1.0, true), step(1.0, false));
        assert!((clipped.x - free.x).abs().max().double_value(&[]) < 2e-4, "t = {t}: the same mean");
        let predicted = step(5.0, true).predicted_x0;
        assert!(predicted.abs().max().double_value(&[]) <= 1.0);
        let predicted = step(5.0, false).predicted_x0;
        assert!(predicted.abs().max().double_value(&[]) > 2.0, "t = {t}: without clipping it goes beyond");
    }
}
