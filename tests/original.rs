//! Checkpoints of the original Python tutorial: read, they predict what PyTorch predicts; written, they are its files again.
//! The fixtures are PyTorch's: fixtures/make_original.py.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{base, checkpoints, quick_training, small_network, tensors, weights};
use ddpm_tutor::networks::Unet;
use ddpm_tutor::prelude::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/original").join(name)
}

fn import(models: &Path, name: &str, file: &Path, options: &ImportOptions) -> Result<ModelManager, Error> {
    ModelManager::import(&base(models, 1), name, file, options)
}

/// The inputs of a fixture, and what PyTorch's network makes of them.
fn outputs(network: &str) -> (Tensor, Tensor, Tensor) {
    let outputs = Tensor::read_safetensors(fixture(network).join("outputs.safetensors")).unwrap();
    let outputs: BTreeMap<String, Tensor> = outputs.into_iter().collect();
    let at = |name: &str| outputs[name].shallow_clone();
    (at("x"), at("t"), at("eps"))
}

fn predicted(manager: &ModelManager, x: &Tensor, t: &Tensor) -> Tensor {
    let constants = ConstantsManager::new(&manager.config().base, &manager.config().training).unwrap();
    predict(&manager.get_model().unwrap(), &constants, x, t).unwrap()
}

fn difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

#[test]
fn both_networks_predict_what_pytorch_predicts() {
    let folder = tempfile::tempdir().unwrap();
    for (network, tolerance, timesteps) in [("fnn", 1e-5, 39), ("unet", 1e-4, 999)] {
        let file = fixture(network).join("ckpt.tar");
        let manager = import(folder.path(), network, &file, &ImportOptions::default()).unwrap();
        let (x, t, eps) = outputs(network);
        let found = difference(&predicted(&manager, &x, &t), &eps);
        println!("{network}: {found:.1e} of {tolerance:.0e}");
        assert!(found <= tolerance, "{network}: {found:.1e}");
        let training = &manager.config().training;
        assert_eq!((training.timesteps, &training.schedule), (timesteps, &OriginalLinearSchedule.into()));
        // Opened anew, with either kind of weights, it is the same.
        let again = ModelManager::open(&base(folder.path(), 1), network).unwrap();
        let raw = again.get_model().unwrap();
        assert!(again.load_weights(&raw, None, Weights::Raw).unwrap().is_empty());
        assert!(weights(&raw) == weights(&again.get_model().unwrap()));
    }
    let unet = ModelManager::open(&base(folder.path(), 1), "unet").unwrap();
    let expected = UnetConfig {
        image_shape: [3, 12, 16],
        base_channels: 8,
        channel_multipliers: vec![1, 2],
        attention: vec![false, true],
        residual_blocks: 1,
        dropout: 0.2,
        time_multiplier: 2,
        scale_residuals: false,
        classes: 0,
    };
    assert_eq!(unet.config().network, expected.into());
    let mut logger = InferenceLogger::new(InferType::None);
    let fnn = ModelManager::open(&base(folder.path(), 1), "fnn").unwrap();
    let constants = ConstantsManager::new(&fnn.config().base, &fnn.config().training).unwrap();
    let _samples = generate_samples(&fnn.get_model().unwrap(), &constants, 4, 0, &mut logger).unwrap();
}

/// `name (1, 2)`, a line each, as shapes by names.
fn listing() -> BTreeMap<String, Vec<usize>> {
    let text = fs::read_to_string(fixture("unet_names.txt")).unwrap();
    let line = |line: &str| {
        let (name, shape) = line.split_once(" (").unwrap();
        let sizes = shape.trim_end_matches([')', ',']).split(", ");
        (name.to_owned(), sizes.map(|size| size.parse().unwrap()).collect())
    };
    text.lines().map(line).collect()
}

#[test]
fn names_and_shapes_are_the_originals() {
    let config = UnetConfig {
        base_channels: 16,
        channel_multipliers: vec![1, 2],
        attention: vec![false, true],
        residual_blocks: 1,
        ..Default::default()
    };
    let mut expected = listing();
    assert_eq!(expected.len(), 129);
    let folder = tempfile::tempdir().unwrap();
    let base = BaseConfig {
        dataset: Dataset::Own { label: "images".to_owned(), shape: vec![3, 32, 32] },
        ..base(folder.path(), 1)
    };
    let training = TrainingConfig { checkpoints: checkpoints(100, InferType::None), ..Default::default() };
    let manager = ModelManager::new(&base, "unet", config.clone(), &training).unwrap();
    let model = manager.get_model().unwrap();
    let state = TrainingState::new(&model, &base, &training).unwrap();
    manager.create_checkpoint(&state).unwrap();
    let file = folder.path().join("unet.safetensors");
    assert!(manager.export_weights(&file, None, Weights::Raw, StorageKind::F32).unwrap().is_empty());
    let shapes = tensors(&file).into_iter().map(|(name, (shape, _))| (name, shape));
    assert_eq!(shapes.collect::<BTreeMap<_, _>>(), expected);

    assert_eq!(expected.remove("time_embeddings.time_blocks.0.weight"), Some(vec![1000, 16]));
    let unet = Unet::new(&config, Precision::F32, Device::Cpu).unwrap();
    let sizes = |tensor: &Tensor| tensor.size().into_iter().map(|size| size as usize).collect();
    let ours = unet.var_store().variables().into_iter().map(|(name, tensor)| (name, sizes(&tensor)));
    assert_eq!(ours.collect::<BTreeMap<_, Vec<usize>>>(), expected);

    // What the original's code would do otherwise is said.
    let config = UnetConfig { scale_residuals: true, ..config };
    let training = TrainingConfig { timesteps: 1000, ..training };
    let manager = ModelManager::new(&base, "scaled", config, &training).unwrap();
    let model = manager.get_model().unwrap();
    manager.create_checkpoint(&TrainingState::new(&model, &base, &training).unwrap()).unwrap();
    let remarks = manager.export_weights(&file, None, Weights::Raw, StorageKind::F32).unwrap();
    assert!(remarks.len() == 2 && remarks[0].contains("1/√2") && remarks[1].contains("ends at 999"), "{remarks:?}");
}

#[test]
fn an_exported_file_gives_the_model_back() {
    let folder = tempfile::tempdir().unwrap();
    let training = quick_training();
    let base = base(folder.path(), 100);
    let manager = ModelManager::new(&base, "m", small_network(), &training).unwrap();
    let model = manager.get_model().unwrap();
    let (loader, constants) =
        (get_dataloader(&base, &training).unwrap(), ConstantsManager::new(&base, &training).unwrap());
    let state = train(&manager, &model, &loader, &constants, &mut |_| ()).unwrap();

    for kind in [Weights::Raw, Weights::Ema] {
        let (name, file) = (format!("{kind:?}"), folder.path().join("weights.safetensors"));
        manager.export_weights(&file, None, kind, StorageKind::F32).unwrap();
        let again = import(folder.path(), &name, &file, &ImportOptions::default()).unwrap();
        assert_eq!(again.config(), manager.config());
        assert_eq!(again.checkpoints(), [3]);
        manager.load_weights(&model, None, kind).unwrap();
        let copy = again.get_model().unwrap();
        assert!(weights(&copy) == weights(&model), "bit for bit");
        assert_eq!(again.load_weights(&copy, None, Weights::Raw).unwrap(), state.history());
        // Exported once more it is the same file.
        let second = folder.path().join("second.safetensors");
        again.export_weights(&second, None, kind, StorageKind::F32).unwrap();
        assert!(tensors(&second) == tensors(&file));
        let error = again.load_checkpoint(&copy, None).unwrap_err().to_string();
        assert!(error.contains("contains only weights") && error.contains(&format!("--from {name}")), "{error}");
    }
}

#[test]
fn every_network_is_exported_and_imported_again() {
    let folder = tempfile::tempdir().unwrap();
    let training = TrainingConfig { checkpoints: checkpoints(100, InferType::None), ..Default::default() };
    for entry in NetworkConfig::ENTRIES {
        let (name, mut config) = (entry.name, NetworkConfig::from_name(entry.name).unwrap());
        let shape = if config.fit(&[2]).is_ok() { vec![2] } else { vec![1, 8, 8] };
        config.fit(&shape).unwrap();
        let dataset = Dataset::Own { label: "samples".to_owned(), shape };
        let base = BaseConfig { dataset, ..base(folder.path(), 1) };
        let manager = ModelManager::new(&base, name, config, &training).unwrap();
        let model = manager.get_model().unwrap();
        manager.create_checkpoint(&TrainingState::new(&model, &base, &training).unwrap()).unwrap();
        let file = folder.path().join(format!("{name}.safetensors"));
        manager.export_weights(&file, None, Weights::Raw, StorageKind::F32).unwrap();
        let again = import(folder.path(), &format!("{name}-again"), &file, &ImportOptions::default()).unwrap();
        assert!(weights(&again.get_model().unwrap()) == weights(&model), "{name}");
    }
}

#[test]
fn sixteen_bits_halve_the_file_and_stay_in_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let original = import(folder.path(), "f32", &fixture("unet/ckpt.tar"), &ImportOptions::default()).unwrap();
    let (x, t, eps) = outputs("unet");
    let size = |name: &str| {
        fs::metadata(folder.path().join(name).join("checkpoints/epoch_0000.safetensors")).unwrap().len() as f64
    };
    for (storage, name, tolerance) in [(StorageKind::F16, "f16", 2e-2), (StorageKind::Bf16, "bf16", 1e-1)] {
        let file = folder.path().join(format!("{name}.safetensors"));
        original.export_weights(&file, None, Weights::Ema, storage).unwrap();
        let manager = import(folder.path(), name, &file, &ImportOptions::default()).unwrap();
        let found = difference(&predicted(&manager, &x, &t), &eps);
        assert!(found > 0.0 && found < tolerance, "{name}: {found}");
        assert!(size(name) < 0.55 * size("f32"), "{} of {}", size(name), size("f32"));
        // What was rounded once is not rounded again.
        let second = folder.path().join("second.safetensors");
        manager.export_weights(&second, None, Weights::Ema, storage).unwrap();
        assert!(tensors(&second) == tensors(&file));
    }
}

#[test]
fn safetensors_and_what_no_configuration_describes() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = import(folder.path(), "unet", &fixture("unet/ckpt.tar"), &ImportOptions::default()).unwrap();
    // As another program would write it: without our header, and without the table.
    let variables: Vec<(String, Tensor)> = fixture.get_model().unwrap().var_store().variables().into_iter().collect();
    let file = folder.path().join("plain.safetensors");
    Tensor::write_safetensors(&variables, &file).unwrap();
    let options = ImportOptions { image_size: Some([8, 4]), timesteps: Some(100), ..Default::default() };
    let plain = import(folder.path(), "plain", &file, &options).unwrap();
    let NetworkConfig::Unet(unet) = &plain.config().network else { panic!("another network") };
    assert_eq!((unet.image_shape, unet.dropout), ([3, 8, 4], UnetConfig::default().dropout));
    assert_eq!((plain.config().training.timesteps, unet.residual_blocks), (99, 1));
    assert!(weights(&plain.get_model().unwrap()) == weights(&fixture.get_model().unwrap()));
    // A configuration of ours, by name, says everything.
    let config = Some(folder.path().join("unet/config.json"));
    let named =
        import(folder.path(), "named", &file, &ImportOptions { config: config.clone(), ..Default::default() }).unwrap();
    assert_eq!(named.config(), fixture.config());
    let options = ImportOptions { config, timesteps: Some(100), ..Default::default() };
    assert!(import(folder.path(), "x", &file, &options).unwrap_err().to_string().contains("the timesteps cannot"));
}
