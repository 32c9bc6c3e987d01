//! `train`: the complete training of a model, with checkpoints, samples and resuming.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::checkpoint::Weights;
use super::folder::TrainingLock;
use super::manager::ModelManager;
use crate::config::{BaseConfig, TrainingConfig};
use crate::error::{Error, Result};
use crate::flows::PairLearner;
use crate::loader::DataLoader;
use crate::model::Model;
use crate::networks::threads_for;
use crate::objectives::ObjectiveConfig;
use crate::process::Process;
use crate::sampling::{generate_samples, generate_samples_of_classes};
use crate::show::{SAMPLES_FILE, StopRequest};
use crate::training::{StepReport, TrainingState, train_one_epoch, train_one_epoch_of};

/// Trains `model` for the epochs of its configuration, and returns the final state with the losses.
///
/// It resumes from the newest checkpoint if there is one, writes a checkpoint every `checkpoints.period` epochs and
/// after the last one, and at each checkpoint draws samples with the averaged weights, always from the same noise, into
/// the model's inference logs. If the training is killed at any moment and `train` is called again, it ends with the
/// same weights (on a GPU up to rounding, since a GPU adds the parts of a gradient in no fixed order). If the observer
/// [stops](StepReport::stop) it, it writes a checkpoint at once, and the returned state [says
/// so](TrainingState::is_stopped).
///
/// # Errors
/// [`Error::Path`] if another process is training this model; errors of [`train_one_epoch`],
/// [`ModelManager::load_checkpoint`] and [`generate_samples`].
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

/// As [`train`], and stops when `stop_requested` returns true: after a training step, or while the samples of a
/// checkpoint are drawn, which takes long. Those samples are then drawn when the training is resumed: see
/// [`samples_are_due`]. `_lock`: the lock of the model, from [`ModelManager::lock`] or [`ModelManager::to_train`].
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
    stop_requested: impl Fn() -> bool + Send + Sync + 'static,
) -> Result<TrainingState> {
    let epoch = |state: &mut TrainingState, observer: &mut dyn FnMut(&StepReport)| {
        train_one_epoch(model, dataloader, process, state, observer).map(|_| ())
    };
    run(manager, model, process, observer, stop_requested, epoch)
}

/// As [`train_until`], on pairs of data and noise with a [`PairLearner`], as for reflow.
///
/// # Errors
/// As [`train`]; [`Error::Unsupported`] for an objective other than flow matching.
pub fn train_on_pairs_until(
    manager: &ModelManager,
    _lock: &TrainingLock,
    model: &Model,
    pairs: &DataLoader,
    process: &dyn Process,
    observer: &mut dyn FnMut(&StepReport),
    stop_requested: impl Fn() -> bool + Send + Sync + 'static,
) -> Result<TrainingState> {
    let ObjectiveConfig::FlowMatching(objective) = &manager.config().training.objective else {
        let name = manager.config().training.objective.name();
        return Err(Error::Unsupported(format!("pairs are for the objective flow-matching, not for {name}")));
    };
    let learner = PairLearner::new(model, process, objective.clone());
    let _threads = threads_for(model);
    let epoch = |state: &mut TrainingState, observer: &mut dyn FnMut(&StepReport)| {
        train_one_epoch_of(&learner, pairs, state, observer).map(|_| ())
    };
    run(manager, model, process, observer, stop_requested, epoch)
}

/// The epochs of a training, with checkpoints and samples between them.
fn run(
    manager: &ModelManager,
    model: &Model,
    process: &dyn Process,
    observer: &mut dyn FnMut(&StepReport),
    stop_requested: impl Fn() -> bool + Send + Sync + 'static,
    mut epoch: impl FnMut(&mut TrainingState, &mut dyn FnMut(&StepReport)) -> Result<()>,
) -> Result<TrainingState> {
    let training = &manager.config().training;
    check_process(manager, process)?;
    let stop_request = StopRequest(Arc::new(stop_requested));
    let mut observer = |report: &StepReport| {
        report.saved.set(true);
        observer(report);
        if (stop_request.0)() {
            report.stop();
        }
    };
    let mut state = first_state(manager, model)?;
    // If the training was stopped before or while it drew the samples, draw them now.
    if samples_are_due(manager, &state) {
        state.stopped = !draw_samples(manager, model, process, &state, &stop_request)?;
    }
    while state.epoch() < training.epochs && !state.is_stopped() {
        epoch(&mut state, &mut observer)?;
        let due = is_due(training, &state);
        if due || state.is_stopped() {
            manager.update_checkpoint(&state)?;
        }
        if due && !state.is_stopped() {
            state.stopped = !draw_samples(manager, model, process, &state, &stop_request)?;
        }
    }
    Ok(state)
}

/// Rejects a process other than that of the configuration.
fn check_process(manager: &ModelManager, process: &dyn Process) -> Result<()> {
    let training = &manager.config().training;
    let own = training.build_process()?;
    let (expected, got) = (own.steps(), process.steps());
    if expected != got {
        let shown = |steps: Option<usize>| steps.map_or("none, but real times".to_owned(), |steps| steps.to_string());
        let expected = format!("{}, those of {}", shown(expected), manager.name());
        return Err(Error::config("timesteps of the process", expected, shown(got)));
    }
    if own.noise_kind() != process.noise_kind() {
        let expected = format!("{}, that of {}: use get_process", own.noise_kind(), manager.name());
        return Err(Error::config("noise of the process", expected, process.noise_kind()));
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
    let expected = format!("{name}, that of {}", manager.name());
    Err(Error::config("process", expected, "one with other amounts of signal and noise"))
}

/// Whether the samples of the checkpoint that `state` is at are missing, because the training was stopped before or
/// while they were drawn. The next call of [`train`] draws them.
pub fn samples_are_due(manager: &ModelManager, state: &TrainingState) -> bool {
    let training = &manager.config().training;
    // The last of their files to be written.
    let drawn = manager.checkpoint_log(state.epoch()).join(SAMPLES_FILE).exists();
    is_due(training, state) && training.checkpoints.draws_samples() && !drawn
}

/// Whether `state` is at the end of an epoch with a checkpoint.
fn is_due(training: &TrainingConfig, state: &TrainingState) -> bool {
    let (epoch, period) = (state.epoch(), training.checkpoints.period);
    epoch > 0 && state.steps_into_epoch() == 0 && (epoch.is_multiple_of(period) || epoch == training.epochs)
}

/// Starts from the newest checkpoint, from the weights of the model that the configuration names, or from the current
/// weights.
fn first_state(manager: &ModelManager, model: &Model) -> Result<TrainingState> {
    let (base, training) = (&manager.config().base, &manager.config().training);
    if manager.has_checkpoint() {
        return manager.load_checkpoint(model, None);
    }
    if let Some(name) = &training.start_from {
        let base = BaseConfig { models_dir: base.models_dir.clone(), ..Default::default() };
        ModelManager::open(&base, name)?.load_weights(model, None, Weights::Ema)?;
    }
    TrainingState::new(model, base, training)
}

/// Draws the samples of a checkpoint. Returns whether they are complete: the reader may interrupt the sampling, or a
/// stop may be requested.
fn draw_samples(
    manager: &ModelManager,
    model: &Model,
    process: &dyn Process,
    state: &TrainingState,
    stop_request: &StopRequest,
) -> Result<bool> {
    let (base, training) = (&manager.config().base, &manager.config().training);
    if !training.checkpoints.draws_samples() {
        return Ok(true);
    }
    let logger = manager.checkpoint_logger(training.checkpoints.inference_type, state.epoch()).quiet();
    let mut logger = logger.stopped_when(stop_request.clone());
    let n = training.checkpoints.samples as i64;
    let _samples = state.with_averaged_weights(|| {
        if model.require_null_token().is_ok() {
            return generate_samples(model, process, n, base.seed, &mut logger);
        }
        let labels = Tensor::arange(n, (Kind::Int64, Device::Cpu)).remainder(model.classes());
        generate_samples_of_classes(model, process, &labels, 0.0, base.seed, &mut logger)
    })?;
    Ok(logger.stopped_at().is_none())
}
