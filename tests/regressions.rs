//! What once went wrong and must not again: each test is a bug that was found by trying to break the crate.

mod common;

use std::cell::Cell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;

use common::{ClosedForm, base, libtorch, quick_training, small_network, weights};
use ddpm_tutor::prelude::*;

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
    let path = manager.create_checkpoint(&model, &state).unwrap();
    fs::write(&path, b"broken").unwrap();
    assert!(manager.load_checkpoint(&model, None).is_err());
    let before = weights(&model);
    train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).unwrap();
    assert!(before != weights(&model), "the optimizer trains tensors that the network no longer has");
}

#[test]
fn samples_and_constants_of_different_dimensions_are_refused() {
    let _generator = libtorch();
    let betas = NoiseSchedule::Cosine.betas(10).unwrap();
    for (dims, shape) in [(1, &[8_i64, 1, 8, 8][..]), (1, &[4, 3, 8, 8]), (3, &[4, 2])] {
        let constants = ConstantsManager::from_betas(&betas, dims, Device::Cpu).unwrap();
        let (x0, t) = (Tensor::zeros(shape, FLOAT), Tensor::ones([shape[0]], INT));
        let result = catch_unwind(AssertUnwindSafe(|| forward_diffusion(&constants, &x0, &t).map(|x| x.0.size())));
        assert!(matches!(&result, Ok(Err(Error::Shape { .. }))), "{dims}, {shape:?}: {result:?}");
    }
    let constants = ConstantsManager::from_betas(&betas, 1, Device::Cpu).unwrap();
    let model = get_model(&base(Path::new("unused"), 1), &small_network().into()).unwrap();
    let first = catch_unwind(AssertUnwindSafe(|| {
        ReverseChain::new(&model, &constants, Tensor::zeros([3, 3], FLOAT)).map(|_| ())
    }));
    assert!(matches!(&first, Ok(Err(Error::Shape { .. }))), "noise of another width: {first:?}");
}

#[test]
fn a_logger_forgets_a_chain_that_broke_off() {
    let _generator = libtorch();
    let betas = NoiseSchedule::Linear.betas(30).unwrap();
    let constants = ConstantsManager::from_betas(&betas, 1, Device::Cpu).unwrap();
    let fails = Rc::new(Cell::new(true));
    let failing = Rc::clone(&fails);
    let model = ClosedForm::new(&[2], move |x, t| {
        assert!(!(failing.get() && t.int64_value(&[0]) == 3), "a slip in a cell");
        x * 0.5
    });
    let mut used = InferenceLogger::new(InferType::PlotProcess).quiet();
    assert!(catch_unwind(AssertUnwindSafe(|| generate_samples(&model, &constants, 5, 1, &mut used))).is_err());
    fails.set(false);
    let mut fresh = InferenceLogger::new(InferType::PlotProcess).quiet();
    for logger in [&mut used, &mut fresh] {
        let _samples = generate_samples(&model, &constants, 5, 1, logger).unwrap();
    }
    assert!(used.picture().unwrap().bytes == fresh.picture().unwrap().bytes, "panels of both chains");
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
