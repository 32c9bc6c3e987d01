//! Training and sampling in a cell that runs behind the kernel's front: what the reader sees, and what an interrupt leaves.
#![cfg(unix)]

mod common;
#[path = "../utils/tests/front/mod.rs"]
mod front;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{ClosedForm, base, checkpoints, libtorch, quick_training, small_network, tensors, weights};
use ddpm_live::{FOLDER, INTERRUPT, Message};
use ddpm_tutor::prelude::*;
use front::{Manners, behind_front};

fn interrupt_after(ms: u64) -> Manners {
    Manners { interrupt_after: Some(Duration::from_millis(ms)), ..Default::default() }
}

/// What the front does when a cell has ended.
fn next_cell() {
    fs::remove_file(Path::new(&std::env::var_os(FOLDER).unwrap()).join(INTERRUPT)).unwrap();
}

#[test]
fn an_interrupted_training_is_saved_and_goes_on_exactly() {
    let name = "an_interrupted_training_is_saved_and_goes_on_exactly";
    let seen = behind_front(name, interrupt_after(300), || {
        let _generator = libtorch();
        let folder = tempfile::tempdir().unwrap();
        let base = base(folder.path(), 500);
        let training = TrainingConfig {
            epochs: 600,
            checkpoints: CheckpointConfig { period: 600, ..quick_training().checkpoints },
            ..quick_training()
        };
        let (loader, constants) =
            (get_dataloader(&base, &training).unwrap(), ConstantsManager::new(&base, &training).unwrap());
        let run = |name: &str, observer: &mut dyn FnMut(&StepReport)| {
            let manager = ModelManager::new(&base, name, small_network(), &training).unwrap();
            let model = manager.get_model().unwrap();
            let state = train(&manager, &model, &loader, &constants, observer).unwrap();
            (state, manager.folder().join("checkpoints/epoch_0600.safetensors"))
        };
        let (state, _) = run("torn", &mut show_progress());
        assert!(state.is_stopped() && state.epoch() < 600 && state.steps() > 0);
        next_cell();
        let (state, torn) = run("torn", &mut show_progress_and_curve());
        assert!(!state.is_stopped());
        let (_, whole) = run("whole", &mut |_: &StepReport| ());
        println!("{}", tensors(&torn) == tensors(&whole));
    });
    let remains = seen.remains();
    assert_eq!(remains.len(), 4, "{remains:?}");
    assert!(remains[0].contains(": stopped by you at epoch ") && remains[0].contains(" of 600, step "), "{remains:?}");
    assert!(remains[0].ends_with("\nIt is being saved: run the cell again to resume from there."), "{remains:?}");
    assert!(remains[1].contains(": epoch 600/600, loss 0."), "{remains:?}");
    assert_eq!(remains[2..], ["Line chart: Loss", "true"]);
    let told: Vec<&str> = seen
        .told
        .iter()
        .filter_map(|(_, message)| match message {
            Message::Checkpoint { how_to_load } => Some(how_to_load.as_str()),
            _ => None,
        })
        .collect();
    assert!(told[0].starts_with("torn, epoch "), "{told:?}");
    assert!(told[1].contains("epoch 600.") && told[1].contains("ModelManager::open(&base, \"torn\")?;"), "{told:?}");
}

#[test]
fn an_interrupted_loop_over_epochs_goes_on_with_its_state() {
    let name = "an_interrupted_loop_over_epochs_goes_on_with_its_state";
    let seen = behind_front(name, interrupt_after(200), || {
        let _generator = libtorch();
        let base = base(Path::new("unused"), 500);
        let training = TrainingConfig { epochs: 600, ..quick_training() };
        let (loader, constants) =
            (get_dataloader(&base, &training).unwrap(), ConstantsManager::new(&base, &training).unwrap());
        let fresh = || {
            let model = get_model(&base, small_network(), &training).unwrap();
            let state = TrainingState::new(&model, &base, &training).unwrap();
            (model, state)
        };
        let ((model, mut state), (whole, mut whole_state)) = (fresh(), fresh());
        for _ in 0..2 {
            {
                let mut progress = show_progress();
                while state.epoch() < training.epochs && !interrupted() {
                    train_one_epoch(&model, &loader, &constants, &mut state, &mut progress).unwrap();
                }
            }
            if state.epoch() < training.epochs {
                next_cell();
            }
        }
        while whole_state.epoch() < training.epochs {
            train_one_epoch(&whole, &loader, &constants, &mut whole_state, &mut |_| ()).unwrap();
        }
        println!("{} {}", state.history() == whole_state.history(), weights(&model) == weights(&whole));
    });
    let remains = seen.remains();
    assert_eq!((remains.len(), &*remains[2]), (3, "true true"), "{remains:?}");
    assert!(
        remains[0].contains(": stopped by you at epoch ") && remains[0].contains("with the same state"),
        "{remains:?}"
    );
    assert!(remains[1].contains(": epoch 600/600, loss "), "{remains:?}");
}

#[test]
fn samples_of_a_checkpoint_that_were_interrupted_are_drawn_when_it_goes_on() {
    let name = "samples_of_a_checkpoint_that_were_interrupted_are_drawn_when_it_goes_on";
    let seen = behind_front(name, interrupt_after(150), || {
        let _generator = libtorch();
        let folder = tempfile::tempdir().unwrap();
        let base = base(folder.path(), 50);
        let checkpoints = checkpoints(3000, InferType::Plot);
        let training = TrainingConfig { timesteps: 1000, epochs: 2, checkpoints, ..quick_training() };
        let manager = ModelManager::new(&base, "m", small_network(), &training).unwrap();
        let model = manager.get_model().unwrap();
        let (loader, constants) =
            (get_dataloader(&base, &training).unwrap(), ConstantsManager::new(&base, &training).unwrap());
        let run = || train(&manager, &model, &loader, &constants, &mut show_progress()).unwrap();
        let logs = || fs::read_dir(manager.folder().join("inference_logs")).unwrap().count();
        let state = run();
        println!("{} {} {}", state.is_stopped(), state.epoch(), logs());
        next_cell();
        let state = run();
        println!("{} {} {}", state.is_stopped(), state.epoch(), logs());
    });
    let remains = seen.remains();
    assert!(remains[0].contains("stopped by you at epoch 1 of 2, step 1 of 1, loss "), "{remains:?}");
    assert_eq!((&*remains[1], &*remains[3]), ("true 1 0", "false 2 2"), "{remains:?}");
}

/// A network that takes its time.
fn slow_network(shape: &[i64], ms: u64) -> Model {
    ClosedForm::new(shape, move |x, _| {
        std::thread::sleep(Duration::from_millis(ms));
        0.5 * x
    })
}

fn constants(timesteps: usize) -> ConstantsManager {
    let training = TrainingConfig { timesteps, ..quick_training() };
    ConstantsManager::new(&base(Path::new("unused"), 1), &training).unwrap()
}

#[test]
fn an_interrupted_sampling_ends_with_what_it_has() {
    let name = "an_interrupted_sampling_ends_with_what_it_has";
    let seen = behind_front(name, interrupt_after(200), || {
        let _generator = libtorch();
        let folder = tempfile::tempdir().unwrap();
        let (model, constants) = (slow_network(&[2], 10), constants(100));
        let mut logger = InferenceLogger::in_folder(InferType::Plot, folder.path());
        let samples = generate_samples(&model, &constants, 30, 1, &mut logger).unwrap();
        let t = logger.stopped_at().unwrap();
        assert!((20.0..=90.0).contains(&t) && logger.written().is_empty());
        println!("{t} {:?}", samples.size());
        next_cell();
        let samples = generate_samples(&slow_network(&[2], 0), &constants, 30, 1, &mut logger).unwrap();
        println!("{:?} {} {}", logger.stopped_at(), logger.written().len(), samples.isfinite().all().int64_value(&[]));
    });
    let remains = seen.remains();
    let t: usize = remains[2].split(' ').next().unwrap().parse().unwrap();
    let stopped = format!("stopped by you at t = {t}, after {} of 100 steps", 100 - t);
    assert!(remains[0].contains(&stopped), "{remains:?}");
    assert!(remains[1].ends_with(&format!("30 samples, stopped at t = {t}")), "{remains:?}");
    assert!(remains[3].ends_with("30 samples") && remains[4] == "None 2 1", "{remains:?}");
}

#[test]
fn samples_are_seen_to_form_in_one_output() {
    let seen = behind_front("samples_are_seen_to_form_in_one_output", Manners::default(), || {
        let _generator = libtorch();
        for (shape, infer_type) in [(&[2][..], InferType::PlotProcess), (&[3, 8, 8], InferType::Image)] {
            let mut logger = InferenceLogger::new(infer_type).live();
            let _samples = generate_samples(&slow_network(shape, 10), &constants(70), 300, 1, &mut logger).unwrap();
        }
    });
    let shown = seen.shown();
    let begins = |data: &ddpm_live::Bundle| data["text/plain"].as_str().unwrap().contains("x_t, t = ");
    // Beside them there is a bar, on a machine so slow that it takes more than a second.
    let ids: Vec<&str> =
        shown.iter().filter(|(_, new, data)| *new && begins(data)).map(|(id, ..)| id.as_str()).collect();
    assert_eq!(ids.len(), 2, "an output for each");
    for id in ids {
        let words: Vec<&str> =
            shown.iter().filter(|(of, ..)| of == id).map(|(.., data)| data["text/plain"].as_str().unwrap()).collect();
        assert!((2..=20).contains(&words.len()), "{words:?}");
        assert!(words[0].contains("x_t, t = ") && !words[words.len() - 1].contains("x_t, t"), "{words:?}");
    }
}
