//! A model's folder: what is written there and when, what is refused, and that nothing else is touched.

mod common;

use std::fs;

use common::{ClosedForm, base, libtorch, quick_training, small_network, snapshot, weights};
use ddpm_tutor::prelude::*;

/// A model after one epoch.
fn after_one_epoch(manager: &ModelManager) -> (Model, TrainingState) {
    let (base, training) = (&manager.config().base, &manager.config().training);
    let model = get_model(base, &manager.config().network, training).unwrap();
    let mut state = TrainingState::new(&model, base, training).unwrap();
    one_more_epoch(manager, &model, &mut state);
    (model, state)
}

fn one_more_epoch(manager: &ModelManager, model: &Model, state: &mut TrainingState) {
    let (base, training) = (&manager.config().base, &manager.config().training);
    let loader = get_dataloader(base, training).unwrap();
    let constants = ConstantsManager::new(base, training).unwrap();
    train_one_epoch(model, &loader, &constants, state, &mut |_| ()).unwrap();
}

#[test]
fn checkpoints_are_created_once_and_replaced_on_request() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let manager = ModelManager::new(&base(folder.path(), 100), "m", small_network(), &quick_training()).unwrap();
    assert!(manager.checkpoints().is_empty());
    let fresh = manager.get_model().unwrap();
    for error in
        [manager.load_checkpoint(&fresh, None).err(), manager.load_weights(&fresh, Some(3), Weights::Raw).err()]
    {
        assert!(error.unwrap().to_string().contains("train it first"));
    }
    let (model, mut state) = after_one_epoch(&manager);
    let path = manager.create_checkpoint(&state).unwrap();
    let first = fs::read(&path).unwrap();
    let message = manager.create_checkpoint(&state).unwrap_err().to_string();
    assert!(message.contains("update_checkpoint") && message.contains(path.to_str().unwrap()), "{message}");

    // The same epoch, trained otherwise: refused, then replaced.
    let other = get_model(&BaseConfig { seed: 8, ..manager.config().base.clone() }, small_network(), &quick_training())
        .unwrap();
    let mut other_state = TrainingState::new(&other, &manager.config().base, &quick_training()).unwrap();
    one_more_epoch(&manager, &other, &mut other_state);
    assert!(manager.create_checkpoint(&other_state).is_err() && fs::read(&path).unwrap() == first);
    assert_eq!(manager.update_checkpoint(&other_state).unwrap(), path);
    assert_ne!(fs::read(&path).unwrap(), first);

    one_more_epoch(&manager, &model, &mut state);
    manager.create_checkpoint(&state).unwrap();
    assert_eq!(manager.checkpoints(), [1, 2]);
    let message = manager.load_checkpoint(&model, Some(7)).unwrap_err().to_string();
    assert!(message.contains("epoch 7") && message.contains("epoch 1, epoch 2"), "{message}");

    // By default the newest, here the second; and each by its number.
    assert_eq!(manager.load_checkpoint(&manager.get_model().unwrap(), None).unwrap().epoch(), 2);
    let target = get_model(&manager.config().base, small_network(), &quick_training()).unwrap();
    assert_eq!(manager.load_weights(&target, Some(1), Weights::Raw).unwrap().len(), 1);
    assert_eq!(weights(&target), weights(&other));
    let history = manager.load_weights(&target, None, Weights::Raw).unwrap();
    assert!(history.len() == 2 && (history[1].mean - state.history()[1].mean).abs() < 1e-12);
    assert_eq!(weights(&target), weights(&model));
    manager.load_weights(&target, None, Weights::Ema).unwrap();
    let average = state.with_averaged_weights(|| Ok(weights(&model))).unwrap();
    assert_eq!(weights(&target), average);
    assert_ne!(average, weights(&model));
    assert_eq!(weights(&manager.get_model().unwrap()), average, "a model to sample with has the average");
}

#[test]
fn weights_are_not_read_as_what_they_were_not_trained_for() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 100);
    let manager = ModelManager::new(&base, "m", small_network(), &quick_training()).unwrap();
    manager.create_checkpoint(&after_one_epoch(&manager).1).unwrap();
    let file = manager.folder().join("config.json");
    let written = fs::read_to_string(&file).unwrap();
    for (setting, other, what) in [
        (r#""name": "eps""#, r#""name": "v""#, "parameterization"),
        (r#""timesteps": 10"#, r#""timesteps": 11"#, "process"),
    ] {
        assert_eq!(written.matches(setting).count(), 1, "{written}");
        fs::write(&file, written.replace(setting, other)).unwrap();
        let changed = ModelManager::open(&base, "m").unwrap();
        let refused = changed.get_model().err().unwrap().to_string();
        assert!(refused.contains(&format!("was trained for the {what}")), "{refused}");
        assert!(refused.contains("correct config.json"), "{refused}");
        let model = get_model(&base, small_network(), &quick_training()).unwrap();
        assert_eq!(changed.load_checkpoint(&model, None).err().unwrap().to_string(), refused);
    }
    fs::write(&file, written).unwrap();
    ModelManager::open(&base, "m").unwrap().get_model().unwrap();
}

#[test]
fn a_model_keeps_what_its_weights_depend_on() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let (base, training) = (base(folder.path(), 100), quick_training());
    ModelManager::new(&base, "m", small_network(), &training).unwrap();
    let before = snapshot(folder.path());
    let wider = FnnConfig { hidden_widths: vec![9], ..small_network() };
    let moons = BaseConfig { dataset: Dataset::Moons(Moons::default()), ..base.clone() };
    let steps = TrainingConfig { timesteps: 11, learning_rate: 0.5, ..training.clone() };
    for (base, network, training, words) in [
        (&base, wider, &training, &["hidden_widths", "[12,8]", "[9]"][..]),
        (&moons, small_network(), &training, &["swiss-roll", "moons"]),
        (&base, small_network(), &steps, &["timesteps is 10, not 11", "learning_rate is 0.001", "0.5"]),
        (&BaseConfig { seed: 6, ..base.clone() }, small_network(), &training, &["seed is 5, not 6"]),
        (&BaseConfig { dataset_size: 99, ..base.clone() }, small_network(), &training, &["dataset_size"]),
    ] {
        let error = ModelManager::new(base, "m", network, training).unwrap_err();
        assert!(matches!(error, Error::ModelDiffers { .. }), "{error}");
        assert!(words.iter().all(|word| error.to_string().contains(word)), "{error}");
        assert!(snapshot(folder.path()) == before);
    }
    // What the weights do not depend on is taken over.
    let longer = TrainingConfig {
        epochs: 9,
        checkpoints: CheckpointConfig { period: 2, samples: 3, inference_type: InferType::Plot },
        sampling: SamplingConfig { clip_denoised: true, ..Default::default() },
        ..training
    };
    ModelManager::new(&base, "m", small_network(), &longer).unwrap();
    assert_eq!(ModelManager::open(&base, "m").unwrap().config().training, longer);
}

#[test]
fn a_configuration_round_trips_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let base = BaseConfig { seed: u64::MAX, ..base(folder.path(), 100) };
    let training = TrainingConfig { ema_decay: 0.0, gradient_clipping: None, weight_decay: 0.0, ..quick_training() };
    let made = ModelManager::new(&base, "m", small_network(), &training).unwrap();
    let opened = ModelManager::open(&base, "m").unwrap();
    assert_eq!(made.config(), opened.config());
    assert!(ModelManager::new(&base, "m", small_network(), &training).is_ok());
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    let base = base(&models, 100);
    let long = "x".repeat(65);
    for name in ["", ".", "..", "../x", "a/b", "/tmp/x", "a\\b", ".hidden", "ü", "a b", "a\0b", "a\n", &long] {
        for error in [
            ModelManager::new(&base, name, small_network(), &quick_training()).unwrap_err(),
            ModelManager::open(&base, name).unwrap_err(),
        ] {
            assert!(matches!(error, Error::ModelName(_)), "{name:?}: {error}");
            assert!(error.to_string().contains("SwissRoll") && !error.to_string().contains('\n'), "{error}");
        }
    }
    assert!(snapshot(folder.path()).is_empty());
    for name in ["a", "Swiss-Roll_2.1", &"x".repeat(64)] {
        ModelManager::new(&base, name, small_network(), &quick_training()).unwrap();
    }
    assert_eq!(ModelManager::list(&models), ["Swiss-Roll_2.1", "a", &"x".repeat(64)]);
    let message = ModelManager::open(&base, "b").unwrap_err().to_string();
    assert!(message.contains("Swiss-Roll_2.1, a, xxx"), "{message}");
}

#[test]
fn inference_logs_are_numbered_and_hold_picture_and_samples() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let manager = ModelManager::new(&base(folder.path(), 100), "m", small_network(), &quick_training()).unwrap();
    let model = manager.get_model().unwrap();
    let constants = ConstantsManager::new(&manager.config().base, &quick_training()).unwrap();
    let kinds = [InferType::Plot, InferType::PlotProcess, InferType::Gif];
    for (i, (infer_type, ending)) in kinds.into_iter().zip(["png", "png", "gif"]).enumerate() {
        let mut logger = manager.inference_logger(infer_type).quiet();
        let samples = generate_samples(&model, &constants, 6, 2, &mut logger).unwrap();
        let alt = &logger.picture().unwrap().alt;
        assert!(alt.contains(": m: ") || alt.contains(": m, x_t"), "the picture says whose samples they are: {alt}");
        let [picture, json] = logger.written() else { panic!("{:?}", logger.written()) };
        let log = manager.folder().join(format!("inference_logs/{:04}", i + 1));
        assert!(picture.parent() == Some(&log) && picture.extension().unwrap() == ending, "{picture:?}");
        let json: serde_json::Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
        assert_eq!((json["seed"].as_u64(), json["timesteps"].as_u64()), (Some(2), Some(10)));
        for row in 0..6 {
            for column in 0..2 {
                let expected = samples.double_value(&[row, column]) as f32;
                let found = json["samples"][row as usize][column as usize].as_f64().unwrap() as f32;
                assert_eq!(found, expected);
            }
        }
    }
    let before = snapshot(folder.path());
    for infer_type in [InferType::None, InferType::Image] {
        let mut logger = manager.inference_logger(infer_type).quiet();
        let drawn = generate_samples(&model, &constants, 6, 2, &mut logger);
        assert_eq!(drawn.is_ok(), infer_type == InferType::None, "points are no images");
        assert!(logger.written().is_empty() && logger.picture().is_none());
    }
    assert!(snapshot(folder.path()) == before);
}

#[test]
fn a_network_of_one_s_own_has_a_folder_too() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let own = Dataset::Own { label: "mine".to_owned(), shape: vec![3] };
    let base = BaseConfig { dataset: own, ..base(folder.path(), 100) };
    let manager = ModelManager::new(&base, "own", NetworkConfig::Own("scale".to_owned()), &quick_training()).unwrap();
    assert!(manager.get_model().err().unwrap().to_string().contains("\"scale\""));
    let build = || ClosedForm::with_weight(&[3], &[0.3], |x, _, w| x * w);
    let model = build();
    let data = Tensor::randn([80, 3], (Kind::Float, Device::Cpu));
    let loader = DataLoader::new(data, &base, &quick_training()).unwrap();
    let constants = ConstantsManager::new(&base, &quick_training()).unwrap();
    let state = train(&manager, &model, &loader, &constants, &mut |_| ()).unwrap();
    assert_eq!((state.epoch(), manager.checkpoints()), (3, vec![1, 2, 3]));
    let again = build();
    assert_eq!(manager.load_checkpoint(&again, None).unwrap().epoch(), 3);
    assert_eq!(weights(&again), weights(&model));
    let opened = ModelManager::open(&base, "own").unwrap();
    assert_eq!(opened.config().network, NetworkConfig::Own("scale".to_owned()));
}

#[test]
fn a_model_is_deleted_when_its_name_is_typed() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 100);
    let make = |name: &str| ModelManager::new(&base, name, small_network(), &quick_training()).unwrap();
    let _other = make("other");
    let rest = snapshot(folder.path());
    make("m");
    let before = snapshot(folder.path());
    for typed in ["", "M", "m ", "other", "yes"] {
        let message = make("m").delete_model(typed).unwrap_err().to_string();
        assert!(message.contains("not deleted") && message.contains(&format!("{typed:?}")), "{message}");
        assert!(snapshot(folder.path()) == before);
    }
    make("m").delete_model("m").unwrap();
    assert!(snapshot(folder.path()) == rest);
}
