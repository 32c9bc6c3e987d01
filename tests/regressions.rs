//! What once went wrong and must not again: each test is a bug that was found by trying to break the crate.

mod common;

use std::cell::Cell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;

use common::{ClosedForm, base, command, ddpm, libtorch, quick_training, small_network, snapshot, train_tiny, weights};
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
fn a_training_that_is_refused_leaves_no_model_behind() {
    let folder = tempfile::tempdir().unwrap();
    for (text, device) in [
        (r#"{"network": {"fnn": {"input_width": 3}}}"#, "cpu"),
        (r#"{"network": {"own": "mine"}}"#, "cpu"),
        (r#"{"base": {"dataset": {"name": "own", "label": "mine", "shape": [2]}}}"#, "cpu"),
        ("{}", "cuda:77"),
    ] {
        fs::write(folder.path().join("c.json"), text).unwrap();
        let before = snapshot(folder.path());
        let ran = ddpm(folder.path(), &["train", "--model", "m", "--config", "c.json", "--device", device]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(snapshot(folder.path()) == before, "{text} {device} left a model behind");
    }
}

#[test]
fn sizes_beyond_any_memory_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(train_tiny(folder.path(), "tiny", &[]).code, Some(0));
    let (most, before) = (u64::MAX.to_string(), snapshot(folder.path()));
    for arguments in [
        &["sample", "--model", "tiny", "--n", "1000000000000000", "--out", "a.npy"][..],
        &["sample", "--model", "tiny", "--n", "9223372036854775807", "--out", "a.npy"],
        &["evaluate", "--model", "tiny", "--n", "1000000000000000"],
        &["train", "--model", "a", "--dataset-size", "1000000000000000000"],
        &["train", "--model", "b", "--dataset-size", "100", "--epochs", "1", "--batch-size", &most],
        &["train", "--model", "c", "--dataset-size", "100", "--epochs", "1", "--sample-amount", &most],
        // Points cannot be shown as images: known before the first epoch.
        &["train", "--model", "e", "--dataset-size", "100", "--epochs", "1", "--inference-type", "image"],
    ] {
        let ran = ddpm(folder.path(), arguments);
        assert!(ran.code == Some(1) || ran.code == Some(2), "{arguments:?}: {ran:?}");
        assert!(!ran.stderr.contains("panicked") && snapshot(folder.path()) == before, "{arguments:?}: {ran:?}");
    }
}

#[test]
fn fewer_epochs_than_it_had_do_not_change_a_model() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(train_tiny(folder.path(), "tiny", &[]).code, Some(0));
    let before = snapshot(folder.path());
    let _ = ddpm(folder.path(), &["train", "--model", "tiny", "--epochs", "1"]);
    assert!(snapshot(folder.path()) == before, "config.json now says 1 epoch beside a checkpoint of epoch 2");
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_or_full_stdout_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["doctor", "--json"][..], &["doctor"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        for (what, stdout) in [("full", std::process::Stdio::from(full)), ("closed", closed.into())] {
            let output = command(folder.path(), arguments).stdout(stdout).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(!stderr.contains("panicked") && output.status.code() != Some(101), "{what}: {stderr}");
        }
    }
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
