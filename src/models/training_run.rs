//! `train`: a model's whole training, with checkpoints, samples on the way, and going on where it stopped.

use std::sync::Arc;

use super::checkpoint::Weights;
use super::folder::TrainingLock;
use super::manager::ModelManager;
use crate::config::{BaseConfig, TrainingConfig};
use crate::error::{Error, Result};
use crate::loader::DataLoader;
use crate::model::Model;
use crate::process::Process;
use crate::sampling::generate_samples;
use crate::show::{Asked, SAMPLES_FILE};
use crate::training::{StepReport, TrainingState, train_one_epoch};

/// Trains `model` until it has had the epochs of its configuration, and returns the state at the end, its losses among it.
///
/// It resumes from the newest checkpoint where there is one, writes a checkpoint every `checkpoints.period` epochs and after
/// the last, and draws samples with the averaged weights at each, from the same noise, into the model's
/// inference logs. After a kill at any moment it ends, called again, with the weights it would have had (on a GPU up to
/// rounding, since it adds the parts of a gradient in no fixed order). Where the observer
/// [stops](StepReport::stop) it, it writes a checkpoint at once, and the state that it returns
/// [says so](TrainingState::is_stopped).
///
/// # Errors
/// [`Error::Path`] where another process trains this model; those of [`train_one_epoch`], of [`ModelManager::load_checkpoint`] and of [`generate_samples`].
pub fn train(
    manager: &ModelManager,
    model: &Model,
    dataloader: &DataLoader,
    process: &dyn Process,
    observer: &mut dyn FnMut(&StepReport),
) -> Result<TrainingState> {
    let lock = manager.lock()?;
    train_until(manager, &lock, model, dataloader, process, observer, || false)
}

/// As [`train`], and ends where `asked` says so: after a step of training, or while the samples of a checkpoint are drawn, which
/// takes long. Those samples are then left out, and drawn when the training is called again: see [`samples_are_due`]. The lock is
/// the model's: [`ModelManager::lock`] or [`ModelManager::to_train`].
///
/// # Errors
/// As [`train`].
pub fn train_until(
    manager: &ModelManager,
    _lock: &TrainingLock,
    model: &Model,
    dataloader: &DataLoader,
    process: &dyn Process,
    observer: &mut dyn FnMut(&StepReport),
    asked: impl Fn() -> bool + Send + Sync + 'static,
) -> Result<TrainingState> {
    let training = &manager.config().training;
    check_process(manager, process)?;
    let asked = Asked(Arc::new(asked));
    let mut observer = |report: &StepReport| {
        report.saved.set(true);
        observer(report);
        if (asked.0)() {
            report.stop();
        }
    };
    let mut state = first_state(manager, model)?;
    // A training that ended while it drew them draws them now.
    if samples_are_due(manager, &state) {
        state.stopped = !draw_samples(manager, model, process, &state, &asked)?;
    }
    while state.epoch() < training.epochs && !state.is_stopped() {
        train_one_epoch(model, dataloader, process, &mut state, &mut observer)?;
        let due = is_due(training, &state);
        if due || state.is_stopped() {
            manager.update_checkpoint(&state)?;
        }
        if due && !state.is_stopped() {
            state.stopped = !draw_samples(manager, model, process, &state, &asked)?;
        }
    }
    Ok(state)
}

/// Refuses another process than that of the configuration.
fn check_process(manager: &ModelManager, process: &dyn Process) -> Result<()> {
    let training = &manager.config().training;
    let own = training.process().build().process()?;
    let (expected, got) = (own.steps(), process.steps());
    if expected != got {
        let shown = |steps: Option<usize>| steps.map_or("none, but real times".to_owned(), |steps| steps.to_string());
        let expected = format!("{}, those of {}", shown(expected), manager.name());
        return Err(Error::config("timesteps of the process", expected, shown(got)));
    }
    let times = own.steps().unwrap_or(100);
    let levels = |of: &dyn Process| -> Vec<[f64; 2]> {
        let time = |i: usize| own.end() * i as f64 / times as f64;
        (1..=times).map(|i| [of.signal(time(i)), of.noise(time(i))]).collect()
    };
    if own.end() == process.end() && levels(&*own) == levels(process) {
        return Ok(());
    }
    let name = training.process.as_ref().map_or(training.schedule.name(), |process| process.name());
    Err(Error::config(
        "process",
        format!("{name}, that of {}", manager.name()),
        "one with other amounts of signal and noise",
    ))
}

/// Whether samples belong to the checkpoint that `state` is at and are not there: the training was stopped before they were
/// drawn, or while they were. The next call of [`train`] draws them.
pub fn samples_are_due(manager: &ModelManager, state: &TrainingState) -> bool {
    let training = &manager.config().training;
    // The last of their files.
    let drawn = manager.checkpoint_log(state.epoch()).join(SAMPLES_FILE).exists();
    is_due(training, state) && training.checkpoints.draws_samples() && !drawn
}

/// Whether the end of this epoch, and of no step within it, has a checkpoint.
fn is_due(training: &TrainingConfig, state: &TrainingState) -> bool {
    let (epoch, period) = (state.epoch(), training.checkpoints.period);
    epoch > 0 && state.steps_into_epoch() == 0 && (epoch.is_multiple_of(period) || epoch == training.epochs)
}

/// The newest checkpoint; or the weights of the model that the configuration names; or the weights as they are.
fn first_state(manager: &ModelManager, model: &Model) -> Result<TrainingState> {
    let (base, training) = (&manager.config().base, &manager.config().training);
    if manager.has_checkpoint() {
        return manager.load_checkpoint(model, None);
    }
    if let Some(name) = &training.start_from {
        let place = BaseConfig { models_dir: base.models_dir.clone(), ..Default::default() };
        ModelManager::open(&place, name)?.load_weights(model, None, Weights::Ema)?;
    }
    TrainingState::new(model, base, training)
}

/// Whether they were drawn to the end: the reader may interrupt it, or a stop may be asked for.
fn draw_samples(
    manager: &ModelManager,
    model: &Model,
    process: &dyn Process,
    state: &TrainingState,
    asked: &Asked,
) -> Result<bool> {
    let (base, training) = (&manager.config().base, &manager.config().training);
    if !training.checkpoints.draws_samples() {
        return Ok(true);
    }
    let logger = manager.checkpoint_logger(training.checkpoints.inference_type, state.epoch()).quiet();
    let mut logger = logger.stopped_when(asked.clone());
    let n = training.checkpoints.samples as i64;
    let _samples = state.with_averaged_weights(|| generate_samples(model, process, n, base.seed, &mut logger))?;
    Ok(logger.stopped_at().is_none())
}
