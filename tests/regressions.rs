//! What once went wrong and must not again: each test is a bug that was found by trying to break the crate.

mod common;

use std::cell::Cell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;

use common::{ClosedForm, base, checkpoints, libtorch, quick_training, setting, small_network, weights};
use ddpm_tutor::prelude::*;
use ndarray::Array4;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);
const INT: (Kind, Device) = (Kind::Int64, Device::Cpu);

#[test]
fn numbers_survive_json_to_the_last_bit() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 100);
    let training = TrainingConfig { epochs: 12, learning_rate: 0.00010552743505242377, ..quick_training() };
    let manager = ModelManager::new(&base, "m", small_network(), &training).unwrap();
    ModelManager::new(&base, "m", small_network(), &training).unwrap();
    let model = manager.get_model().unwrap();
    let (loader, constants) =
        (get_dataloader(&base, &training).unwrap(), ConstantsManager::new(&base, &training).unwrap());
    let state = train(&manager, &model, &loader, &constants, &mut |_| ()).unwrap();
    assert_eq!(manager.load_checkpoint(&model, None).unwrap().history(), state.history());
}

#[test]
fn a_checkpoint_that_does_not_load_leaves_the_training_under_way_alone() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let (base, training) = (base(folder.path(), 100), quick_training());
    let manager = ModelManager::new(&base, "m", small_network(), &training).unwrap();
    let model = manager.get_model().unwrap();
    let (loader, constants) =
        (get_dataloader(&base, &training).unwrap(), ConstantsManager::new(&base, &training).unwrap());
    let mut state = TrainingState::new(&model, &base, &training).unwrap();
    train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).unwrap();
    let path = manager.create_checkpoint(&state).unwrap();
    fs::write(&path, b"broken").unwrap();
    assert!(manager.load_checkpoint(&model, None).is_err());
    let before = weights(&model);
    train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).unwrap();
    assert!(before != weights(&model), "the optimizer trains tensors that the network no longer has");
}

#[test]
fn samples_and_constants_of_different_dimensions_are_refused() {
    let _generator = libtorch();
    let betas = CosineSchedule.betas(10).unwrap();
    for (dims, shape) in [(1, &[8_i64, 1, 8, 8][..]), (1, &[4, 3, 8, 8]), (3, &[4, 2])] {
        let constants = ConstantsManager::from_betas(&betas, dims, Device::Cpu).unwrap();
        let (x0, t) = (Tensor::zeros(shape, FLOAT), Tensor::ones([shape[0]], INT));
        let result = catch_unwind(AssertUnwindSafe(|| forward_step(&constants, &x0, &t).map(|x| x.size())));
        assert!(matches!(&result, Ok(Err(Error::Shape { .. }))), "{dims}, {shape:?}: {result:?}");
        // The process itself is for data of any shape.
        let (x_t, eps) = forward_diffusion(&constants, &x0, &t).unwrap();
        assert_eq!((x_t.size(), eps.size()), (shape.to_vec(), shape.to_vec()));
        let expected = eps * (1.0 - constants.alpha_cumulative(1)).sqrt();
        assert!((x_t - expected).abs().max().double_value(&[]) < 1e-6, "{dims}, {shape:?}");
    }
    let constants = ConstantsManager::from_betas(&betas, 1, Device::Cpu).unwrap();
    let model = get_model(&base(Path::new("unused"), 1), small_network(), &quick_training()).unwrap();
    let first = catch_unwind(AssertUnwindSafe(|| {
        let (mut sampler, denoiser) = (Ancestral::default(), model.denoiser(&constants));
        let mut chain = Chain::new(&mut sampler, &denoiser, &constants, Tensor::zeros([3, 3], FLOAT)).unwrap();
        (chain.next(), chain.next().is_none())
    }));
    assert!(matches!(&first, Ok((Some(Err(Error::Shape { .. })), true))), "noise of another width: {first:?}");
}

#[test]
fn a_logger_forgets_a_chain_that_broke_off() {
    let _generator = libtorch();
    let constants =
        |steps| ConstantsManager::from_betas(&LinearSchedule.betas(steps).unwrap(), 1, Device::Cpu).unwrap();
    let fails = Rc::new(Cell::new(true));
    let failing = Rc::clone(&fails);
    let model = ClosedForm::new(&[2], move |x, t| {
        assert!(!(failing.get() && t.int64_value(&[0]) == 3), "an error in a cell");
        x * 0.5
    });
    // A chain of as many steps, and a longer one.
    for steps in [30, 200] {
        fails.set(true);
        let mut used = InferenceLogger::new(InferType::PlotProcess).quiet();
        let draw = |steps, logger: &mut InferenceLogger| generate_samples(&model, &constants(steps), 5, 1, logger);
        assert!(catch_unwind(AssertUnwindSafe(|| draw(steps, &mut used))).is_err());
        fails.set(false);
        let mut fresh = InferenceLogger::new(InferType::PlotProcess).quiet();
        for logger in [&mut used, &mut fresh] {
            let _samples = draw(30, logger).unwrap();
        }
        assert!(used.picture().unwrap().bytes == fresh.picture().unwrap().bytes, "panels of both chains, {steps}");
    }
}

#[test]
fn what_draws_for_a_picture_or_a_number_leaves_the_readers_generator_alone() {
    let _generator = libtorch();
    let base = base(Path::new("unused"), 600);
    let training = TrainingConfig { validation_samples: 20, ..quick_training() };
    let loader = get_dataloader(&base, &training).unwrap();
    let constants = ConstantsManager::new(&base, &training).unwrap();
    let model = get_model(&base, small_network(), &training).unwrap();
    let images = ConstantsManager::from_betas(&[0.1, 0.2], 3, Device::Cpu).unwrap();
    type Look<'a> = (&'a str, Box<dyn Fn() -> bool + 'a>);
    let looks: Vec<Look> = vec![
        ("visualize_forward", Box::new(|| visualize_forward(&constants, &loader).is_ok())),
        (
            "score field",
            Box::new(|| visualize_score_field(&model.denoiser(&constants), &constants, &loader, 3.0).is_ok()),
        ),
        ("evaluate", Box::new(|| evaluate(&loader.first(100), &base.dataset, 1).is_ok())),
        ("sliced_wasserstein", Box::new(|| sliced_wasserstein(&loader.first(9), &loader.first(9), 1).is_ok())),
        ("validation", Box::new(|| validation_loss(&model, &constants, &loader.held_out_batch().unwrap()).is_ok())),
        ("check_forward", Box::new(|| check_forward(&constants, |_, x0, _, _| x0.shallow_clone()).is_ok())),
        (
            "check_without_noise",
            Box::new(|| !check_without_noise(&constants, |_, x, _, _| x.shallow_clone()).to_string().is_empty()),
        ),
        ("check_clipped_mean", Box::new(|| check_clipped_mean(&images, |_, x, _, _| x.shallow_clone()).is_ok())),
    ];
    let draw = || Tensor::randn([3], FLOAT);
    for (name, look) in looks {
        tch::manual_seed(7);
        let (first, second) = (draw(), draw());
        tch::manual_seed(7);
        let again = draw();
        assert!(look(), "{name}");
        assert_eq!((again, draw()), (first, second), "{name}");
    }
}

#[test]
fn images_without_a_label_each_are_refused() {
    let images = |labels: Vec<usize>| LabelledImages {
        pixels: Array4::zeros((3, 1, 8, 8)),
        labels,
        classes: vec!["a".to_owned(), "b".to_owned()],
        remarks: Vec::new(),
    };
    let (base, training) = (base(Path::new("unused"), 3), quick_training());
    let load = |labels| DataLoader::of_images(&images(labels), false, &base, &training);
    let message = |labels| load(labels).unwrap_err().to_string();
    assert!(load(vec![0, 1, 1]).is_ok());
    assert!(message(vec![0, 1]).contains("[3], one per sample"), "{}", message(vec![0, 1]));
    assert!(message(vec![0, 1, 2]).contains("2 for sample 2"), "{}", message(vec![0, 1, 2]));
}

#[test]
fn held_out_images_keep_their_labels() {
    let labels: Vec<usize> = (0..40).map(|i| i % 3).collect();
    let images = LabelledImages {
        pixels: Array4::from_shape_fn((40, 1, 8, 8), |(i, ..)| (100 * (i % 3)) as u8),
        labels,
        classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
        remarks: Vec::new(),
    };
    let training = TrainingConfig { validation_samples: 5, ..quick_training() };
    let loader = DataLoader::of_images(&images, false, &base(Path::new("unused"), 40), &training).unwrap();
    let brightness = |x0: Tensor| ((x0.amax([1, 2, 3], false) + 1.0) * 127.5 / 100.0).round().to_kind(Kind::Int64);
    assert_eq!(&brightness(loader.held_out().unwrap()), loader.held_out_labels().unwrap());
    assert_eq!(&brightness(loader.first(35)), loader.labels().unwrap());
}

#[test]
fn constants_of_another_schedule_train_nothing() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let (base, training) = (base(folder.path(), 100), TrainingConfig { timesteps: 40, ..quick_training() });
    let manager = ModelManager::new(&base, "m", small_network(), &training).unwrap();
    let (model, loader) = (manager.get_model().unwrap(), get_dataloader(&base, &training).unwrap());
    let other = TrainingConfig { schedule: LinearSchedule.into(), ..training };
    let constants = ConstantsManager::new(&base, &other).unwrap();
    let message = train(&manager, &model, &loader, &constants, &mut |_| ()).unwrap_err().to_string();
    assert!(message.contains("cosine, that of m"), "{message}");
    let others = Vp::default();
    let message = train(&manager, &model, &loader, &others, &mut |_| ()).unwrap_err().to_string();
    assert!(message.contains("40, those of m") && message.ends_with("got none, but real times"), "{message}");
    assert!(!manager.has_checkpoint());
}

#[test]
fn a_state_whose_parameters_were_replaced_in_part_says_so() {
    let _generator = libtorch();
    let base = base(Path::new("unused"), 100);
    let model = get_model(&base, small_network(), &quick_training()).unwrap();
    let (loader, constants, mut state) = setting(&model, Tensor::randn([100, 2], FLOAT), &quick_training());
    let mut last = model.var_store().variables().remove("fc3.bias").unwrap();
    last.set_data(&last.copy());
    let message = train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).unwrap_err().to_string();
    assert!(message.contains("no longer trains the network"), "{message}");
}

/// The disk was full, or the process was killed, after the picture was written and before the samples were.
#[test]
fn samples_of_a_checkpoint_that_were_written_in_part_are_drawn_again() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 100);
    let training = TrainingConfig { epochs: 1, checkpoints: checkpoints(3, InferType::Plot), ..quick_training() };
    let manager = ModelManager::new(&base, "m", small_network(), &training).unwrap();
    let (loader, constants) =
        (get_dataloader(&base, &training).unwrap(), ConstantsManager::new(&base, &training).unwrap());
    let model = manager.get_model().unwrap();
    train(&manager, &model, &loader, &constants, &mut |_| ()).unwrap();
    let samples = manager.folder().join("inference_logs/epoch_0001/samples.json");
    let drawn = fs::read(&samples).unwrap();
    fs::remove_file(&samples).unwrap();
    train(&manager, &model, &loader, &constants, &mut |_| ()).unwrap();
    assert_eq!(fs::read(&samples).unwrap(), drawn);
}

#[test]
fn only_names_that_it_writes_itself_are_checkpoints() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let manager = ModelManager::new(&base(folder.path(), 9), "m", small_network(), &quick_training()).unwrap();
    for name in ["epoch_3.safetensors", "epoch_+4.safetensors"] {
        fs::write(manager.folder().join("checkpoints").join(name), b"").unwrap();
    }
    assert!(manager.checkpoints().is_empty(), "{:?}", manager.checkpoints());
}
