//! Writes checkpoints.

use std::collections::HashMap;
use std::path::Path;

use tch::Tensor;

use super::file::{FORMAT, MEMORY, Progress, WEIGHTS_FORMAT, damaged, stored_name};
use crate::config::TrainingConfig;
use crate::error::Result;
use crate::models::trained_for::TrainedFor;
use crate::tensor_file::{self, StorageKind, Stored};
use crate::training::TrainingState;

/// Writes the state of a training to `path`.
pub(crate) fn write(path: &Path, state: &TrainingState, seed: u64) -> Result<()> {
    let mut tensors = Vec::new();
    for group in state.groups() {
        let optimizer = &group.optimizer;
        optimizer.parameters.check_still_ours()?;
        let parts = [
            ("model", &optimizer.parameters.values),
            ("ema", &group.ema.average),
            ("m", &optimizer.m),
            ("v", &optimizer.v),
        ];
        for (part, flat) in parts {
            for (name, tensor) in optimizer.parameters.unflatten(flat) {
                tensors.push(Stored::new(stored_name(group.name, part, name), &tensor, StorageKind::F32)?);
            }
        }
        for (name, buffer) in &group.buffers {
            tensors.push(Stored::new(stored_name(group.name, "model", name), buffer, StorageKind::F32)?);
        }
    }
    let names = ["losses.t", "losses.loss"];
    for (name, tensor) in names.into_iter().zip(state.losses.to_tensors().into_iter().flatten()) {
        tensors.push(Stored::new(name.to_owned(), &tensor, StorageKind::F32)?);
    }
    if let Some(memory) = state.objective().memory() {
        tensors.push(Stored::new(MEMORY.to_owned(), &memory, StorageKind::F32)?);
    }
    let several = state.groups().iter().filter(|_| state.groups().len() > 1);
    let progress = Progress {
        steps: state.steps(),
        seed,
        history: state.history().to_vec(),
        steps_into_epoch: state.steps_into_epoch(),
        optimizer_steps: several.map(|group| (group.name.to_owned(), group.optimizer.steps())).collect(),
    };
    let trained_for = TrainedFor::of(state.config());
    tensor_file::write(path, &tensors, header(path, FORMAT, &progress, &trained_for)?)
}

/// Writes only weights, each in its own number format: such a checkpoint can be sampled from, but not trained further.
pub(crate) fn write_weights(
    path: &Path,
    weights: &[(String, Tensor)],
    progress: &Progress,
    training: &TrainingConfig,
) -> Result<()> {
    let stored =
        |(name, tensor): &(String, Tensor)| Stored::new(format!("model.{name}"), tensor, StorageKind::of(tensor));
    let tensors = weights.iter().map(stored).collect::<Result<Vec<_>>>()?;
    tensor_file::write(path, &tensors, header(path, WEIGHTS_FORMAT, progress, &TrainedFor::of(training))?)
}

fn header(path: &Path, format: &str, progress: &Progress, trained_for: &TrainedFor) -> Result<HashMap<String, String>> {
    let entries = [("progress", serde_json::to_string(progress)), ("trained_for", serde_json::to_string(trained_for))];
    let mut header = HashMap::from([("format".to_owned(), format.to_owned())]);
    for (name, json) in entries {
        header.insert(name.to_owned(), json.map_err(|e| damaged(path, e.to_string()))?);
    }
    Ok(header)
}
