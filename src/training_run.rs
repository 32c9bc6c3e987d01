//! `train`: a model's whole training, with checkpoints, samples on the way, and going on where it stopped.

use crate::config::BaseConfig;
use crate::constants::ConstantsManager;
use crate::datasets::DataLoader;
use crate::error::{Error, Result};
use crate::inference_logger::InferType;
use crate::model_manager::{ModelManager, Weights};
use crate::networks::Denoiser;
use crate::sampling::generate_samples;
use crate::training::{StepReport, train_one_epoch};
use crate::training_state::TrainingState;

/// Trains `model` until it has had the epochs of its configuration, and returns the state at the end, its losses among it.
///
/// It goes on from the newest checkpoint where there is one, writes a checkpoint every `checkpoint_period` epochs and after
/// the last, and draws `sample_amount` samples with the averaged weights at each, from the same noise, into the model's
/// inference logs. After a kill at any moment it ends, called again, with the weights it would have had. Where the observer
/// [stops](StepReport::stop) it, it writes a checkpoint at once, and the state that it returns
/// [says so](TrainingState::is_stopped).
///
/// # Errors
/// [`Error::Path`] where another process trains this model; those of [`train_one_epoch`], of [`ModelManager::load_checkpoint`] and of [`generate_samples`].
pub fn train(
    manager: &ModelManager,
    model: &dyn Denoiser,
    dataloader: &DataLoader,
    constants: &ConstantsManager,
    observer: &mut dyn FnMut(&StepReport),
) -> Result<TrainingState> {
    let training = &manager.config().training;
    if constants.timesteps() != training.timesteps {
        let expected = format!("{}, the T of {}", training.timesteps, manager.name());
        return Err(Error::config("timesteps of the constants", expected, constants.timesteps()));
    }
    let _alone = manager.lock()?;
    let mut observer = |report: &StepReport| {
        report.saved.set(true);
        observer(report);
    };
    let mut state = first_state(manager, model)?;
    let is_due =
        |epoch: usize| epoch > 0 && (epoch.is_multiple_of(training.checkpoint_period) || epoch == training.epochs);
    // A training that ended while it drew them draws them now.
    if is_due(state.epoch()) && state.steps_into_epoch() == 0 && !manager.checkpoint_log(state.epoch()).exists() {
        state.stopped = !draw_samples(manager, model, constants, &state)?;
    }
    while state.epoch() < training.epochs && !state.is_stopped() {
        train_one_epoch(model, dataloader, constants, &mut state, &mut observer)?;
        let due = is_due(state.epoch()) && state.steps_into_epoch() == 0;
        if due || state.is_stopped() {
            manager.update_checkpoint(model, &state)?;
        }
        if due && !state.is_stopped() {
            state.stopped = !draw_samples(manager, model, constants, &state)?;
        }
    }
    Ok(state)
}

/// The newest checkpoint; or the weights of the model that the configuration names; or the weights as they are.
fn first_state(manager: &ModelManager, model: &dyn Denoiser) -> Result<TrainingState> {
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

/// Whether they were drawn to the end: the reader may interrupt it.
fn draw_samples(
    manager: &ModelManager,
    model: &dyn Denoiser,
    constants: &ConstantsManager,
    state: &TrainingState,
) -> Result<bool> {
    let (base, training) = (&manager.config().base, &manager.config().training);
    if training.sample_amount == 0 || training.inference_type == InferType::None {
        return Ok(true);
    }
    let mut logger = manager.checkpoint_logger(training.inference_type, state.epoch()).quiet();
    let n = training.sample_amount as i64;
    let _samples = state.with_averaged_weights(|| generate_samples(model, constants, n, base.seed, &mut logger))?;
    Ok(logger.stopped_at().is_none())
}
