//! A training that resumes from its last checkpoint ends where one that never stopped does, whatever was drawn meanwhile.

mod common;

use std::fs;

use common::{base, bits, checkpoints, libtorch, quick_training, small_network, tensors, weights};
use ddpm_tutor::prelude::*;

/// Trains until `state` has had `epochs`.
fn train_until(epochs: usize, model: &Model, loader: &DataLoader, c: &ConstantsManager, s: &mut TrainingState) {
    while s.epoch() < epochs {
        train_one_epoch(model, loader, c, s, &mut |_| ()).unwrap();
    }
}

#[test]
fn stopped_and_resumed_within_a_process_it_is_the_same_training() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 500);
    // The second objective has seen enough losses after two epochs to draw some steps more often than others.
    for (learning_rate_schedule, objective) in [
        (LearningRateSchedule::Cosine, ObjectiveConfig::default()),
        (LearningRateSchedule::Constant, Vlb { importance: true, ..Default::default() }.into()),
    ] {
        // The last batch of an epoch is smaller than the others.
        let training =
            TrainingConfig { epochs: 5, batch_size: 64, learning_rate_schedule, objective, ..quick_training() };
        let (loader, constants) =
            (get_dataloader(&base, &training).unwrap(), ConstantsManager::new(&base, &training).unwrap());
        let network = NetworkConfig::from(small_network());
        let draw = |model: &Model, state: &TrainingState| {
            let mut none = InferenceLogger::new(InferType::None);
            bits(&state.with_averaged_weights(|| generate_samples(model, &constants, 40, 3, &mut none)).unwrap())
        };

        let whole = get_model(&base, &network, &training).unwrap();
        let mut whole_state = TrainingState::new(&whole, &base, &training).unwrap();
        train_until(5, &whole, &loader, &constants, &mut whole_state);

        let manager = ModelManager::new(&base, "stopped", network.clone(), &training).unwrap();
        let first = manager.get_model().unwrap();
        let mut state = TrainingState::new(&first, &base, &training).unwrap();
        train_until(2, &first, &loader, &constants, &mut state);
        manager.create_checkpoint(&state).unwrap();
        // What happens after the checkpoint is lost, and nothing depends on it.
        train_until(3, &first, &loader, &constants, &mut state);
        let _ = draw(&first, &state);

        let second = ModelManager::open(&base, "stopped").unwrap().get_model().unwrap();
        let mut state = manager.load_checkpoint(&second, None).unwrap();
        assert_eq!((state.epoch(), state.steps(), state.groups()[0].optimizer.steps()), (2, 16, 16));
        train_until(5, &second, &loader, &constants, &mut state);

        assert_eq!(weights(&whole), weights(&second));
        assert_eq!(draw(&whole, &whole_state), draw(&second, &state));
        let (path, resumed) =
            (manager.create_checkpoint(&state).unwrap(), manager.update_checkpoint(&whole_state).unwrap());
        assert_eq!(path, resumed);
        // As text, since a quarter without a loss is NaN.
        let history = |state: &TrainingState| format!("{:?}", &state.history()[2..]);
        assert_eq!(history(&whole_state), history(&state));
        manager.delete_model("stopped").unwrap();
    }
}

#[test]
fn samples_drawn_on_the_way_change_nothing() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 200);
    let mut ends = Vec::new();
    for (name, inference_type) in [("with", InferType::Plot), ("without", InferType::None)] {
        let training = TrainingConfig { checkpoints: checkpoints(7, inference_type), ..quick_training() };
        let manager = ModelManager::new(&base, name, small_network(), &training).unwrap();
        let model = manager.get_model().unwrap();
        let (loader, constants) =
            (get_dataloader(&base, &training).unwrap(), ConstantsManager::new(&base, &training).unwrap());
        train(&manager, &model, &loader, &constants, &mut |_| ()).unwrap();
        ends.push(tensors(&manager.folder().join("checkpoints/epoch_0003.safetensors")));
        let logs = fs::read_dir(manager.folder().join("inference_logs")).unwrap().count();
        assert_eq!(logs, if inference_type == InferType::Plot { 3 } else { 0 });
    }
    assert!(ends[0] == ends[1]);
}
