//! What is in a checkpoint file, and the checks that a file has to pass before anything in it is used.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, nn};

use crate::catalogue::is_default;
use crate::config::TrainingConfig;
use crate::error::{Error, Result};
use crate::models::trained_for::TrainedFor;
use crate::tensor_file::{self, all_finite};
use crate::training::EpochLoss;

/// `model.*`, `ema.*`, `m.*`, `v.*`; of a learner with several groups of parameters `GROUP/model.*` and so on.
pub(super) const FORMAT: &str = "ddpm_tutor checkpoint 1";
/// `model.*` only, possibly in fewer than 32 bits.
pub(super) const WEIGHTS_FORMAT: &str = "ddpm_tutor weights 1";
pub(super) const DELETE_IT: &str =
    "Delete it to resume from the checkpoint before it, or from the start if it is the only one";

/// What the objective has learned about the losses.
pub(super) const MEMORY: &str = "objective.memory";

/// Which weights of a checkpoint to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weights {
    /// The weights as the optimizer left them, from which training resumes.
    Raw,
    /// Their moving average, which sampling uses.
    Ema,
}

/// The progress of the training.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub steps: u64,
    pub seed: u64,
    pub history: Vec<EpochLoss>,
    /// The steps taken in an epoch that was stopped; its losses are the tensors `losses.t` and `losses.loss`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub steps_into_epoch: u64,
    /// The steps of each optimizer, if there are several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub optimizer_steps: BTreeMap<String, u64>,
}

/// The parameters of a learner, by group.
pub(crate) type Groups<'a> = [(&'static str, &'a nn::VarStore)];

/// The name of a group's tensor in the file.
pub(super) fn stored_name(group: &str, part: &str, name: &str) -> String {
    if group.is_empty() { format!("{part}.{name}") } else { format!("{group}/{part}.{name}") }
}

/// The contents of a checkpoint file.
pub(super) struct Parts<'a> {
    pub tensors: SafeTensors<'a>,
    pub progress: Progress,
    pub weights_only: bool,
    /// Checkpoints of earlier versions do not say it.
    trained_for: Option<TrainedFor>,
}

impl Parts<'_> {
    /// Rejects weights that were trained for something else than the configuration says.
    pub fn check_trained_for(&self, path: &Path, training: &TrainingConfig) -> Result<()> {
        let difference = |of: &TrainedFor| of.difference(&TrainedFor::of(training));
        self.trained_for.as_ref().and_then(difference).map_or(Ok(()), |difference| Err(damaged(path, difference)))
    }
}

pub(super) fn parse<'a>(path: &Path, file: &'a [u8]) -> Result<Parts<'a>> {
    let broken = |e: safetensors::SafeTensorError| {
        damaged(path, format!("not a complete safetensors file ({e}): it is truncated or damaged. {DELETE_IT}"))
    };
    let tensors = SafeTensors::deserialize(file).map_err(broken)?;
    let (_, header) = SafeTensors::read_metadata(file).map_err(broken)?;
    let entries = header.metadata().clone().unwrap_or_default();
    let format = entries.get("format").map(String::as_str);
    if format != Some(FORMAT) && format != Some(WEIGHTS_FORMAT) {
        let found = entries.get("format").map_or("no format entry".to_owned(), |format| format!("{format:?}"));
        return Err(damaged(path, format!("not a checkpoint of ddpm: expected {FORMAT:?}, got {found}")));
    }
    let trained_for = entries.get("trained_for").map(|text| serde_json::from_str(text)).transpose();
    let trained_for =
        trained_for.map_err(|e| damaged(path, format!("its trained_for entry cannot be parsed: {e}. {DELETE_IT}")))?;
    let progress = entries.get("progress").map(|text| serde_json::from_str(text));
    match progress {
        Some(Ok(progress)) => {
            Ok(Parts { tensors, progress, weights_only: format == Some(WEIGHTS_FORMAT), trained_for })
        }
        Some(Err(e)) => Err(damaged(path, format!("its progress entry cannot be parsed: {e}. {DELETE_IT}"))),
        None => Err(damaged(path, format!("has no progress entry. {DELETE_IT}"))),
    }
}

pub(super) fn tensor(path: &Path, parts: &Parts, name: &str, shape: &[i64]) -> Result<Tensor> {
    let view = parts.tensors.tensor(name).map_err(|_| {
        damaged(path, format!("has no tensor {name:?}: it does not belong to the network in the configuration"))
    })?;
    let found: Vec<i64> = view.shape().iter().map(|size| *size as i64).collect();
    let expected = if parts.weights_only { "F32, F16 or BF16" } else { "F32" };
    let stored = match view.dtype() {
        Dtype::F32 => true,
        Dtype::F16 | Dtype::BF16 => parts.weights_only,
        _ => false,
    };
    let wrong = || {
        let got = format!("{:?} of shape {found:?}", view.dtype());
        damaged(path, format!("tensor {name:?}: expected {expected} of shape {shape:?}, got {got}"))
    };
    if found != shape || !stored {
        return Err(wrong());
    }
    let tensor = tensor_file::to_tensor(&view)?.ok_or_else(wrong)?.to_kind(Kind::Float);
    if !all_finite(&tensor) {
        return Err(damaged(path, format!("tensor {name:?} contains NaN or infinity. {DELETE_IT}")));
    }
    Ok(tensor)
}

/// The shape of a tensor in the file, if it has one of that name.
pub(super) fn shape_of(parts: &Parts, name: &str) -> Option<Vec<i64>> {
    Some(parts.tensors.tensor(name).ok()?.shape().iter().map(|size| *size as i64).collect())
}

pub(super) fn damaged(path: &Path, problem: String) -> Error {
    Error::Checkpoint { path: path.to_owned(), problem }
}
