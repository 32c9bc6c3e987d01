//! Checkpoints: safetensors files with weights, moving average and optimizer moments, and the progress of the training
//! in the header; or with weights only, to sample with. A file is written completely or not at all, and is not trusted
//! when read.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, nn, no_grad_guard};

use super::config::ModelConfig;
use super::trained_for::TrainedFor;
use crate::catalogue::is_default;
use crate::config::TrainingConfig;
use crate::error::{Error, Result};
use crate::networks::sorted_variables;
use crate::tensor_file::{self, StorageKind, Stored, all_finite};
use crate::training::{EpochLoss, LossByTimestep, TrainingState};

/// `model.*`, `ema.*`, `m.*`, `v.*`; of a learner with several groups of parameters `GROUP/model.*` and so on.
const FORMAT: &str = "ddpm_tutor checkpoint 1";
/// `model.*` only, possibly in fewer than 32 bits.
const WEIGHTS_FORMAT: &str = "ddpm_tutor weights 1";
const DELETE_IT: &str = "Delete it to resume from the checkpoint before it, or from the start if it is the only one";

/// What the objective has learned about the losses.
const MEMORY: &str = "objective.memory";

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
fn stored_name(group: &str, part: &str, name: &str) -> String {
    if group.is_empty() { format!("{part}.{name}") } else { format!("{group}/{part}.{name}") }
}

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

/// Reads only the weights, into a network.
pub(crate) fn read_weights(
    path: &Path,
    vs: &nn::VarStore,
    weights: Weights,
    training: &TrainingConfig,
) -> Result<Progress> {
    let file = tensor_file::read_file(path)?;
    let parts = parse(path, &file)?;
    parts.check_trained_for(path, training)?;
    let averaged = if weights == Weights::Raw || parts.weights_only { "model" } else { "ema" };
    let part = |parameter: &Tensor| if parameter.requires_grad() { averaged } else { "model" };
    copy_into(vs, &read_part(path, &parts, ("", vs), part)?);
    Ok(parts.progress)
}

/// Reads only the loss of each epoch up to the checkpoint.
pub(crate) fn read_history(path: &Path) -> Result<Vec<EpochLoss>> {
    Ok(parse(path, &tensor_file::read_file(path)?)?.progress.history)
}

/// Reads everything needed to resume the training of the model `name`: the weights, into the networks, and the state.
pub(crate) fn read_training(path: &Path, name: &str, groups: &Groups, config: &ModelConfig) -> Result<TrainingState> {
    let file = tensor_file::read_file(path)?;
    let parts = parse(path, &file)?;
    parts.check_trained_for(path, &config.training)?;
    let progress = &parts.progress;
    if parts.weights_only {
        let problem = format!(
            "contains only weights, no optimizer state: it can be sampled from, but not trained further. \
             `ddpm train --model NEW --from {name}` fine-tunes it under a new name"
        );
        return Err(damaged(path, problem));
    }
    if progress.seed != config.base.seed {
        let (there, here) = (progress.seed, config.base.seed);
        let advice = format!("set seed {there} in config.json, or train under a new name");
        return Err(damaged(
            path,
            format!("was trained with seed {there}, but the configuration has seed {here}; {advice}"),
        ));
    }
    if let Some((group, _)) =
        groups.iter().find(|(group, _)| groups.len() > 1 && !progress.optimizer_steps.contains_key(*group))
    {
        return Err(damaged(path, format!("has no parameter group {group:?}: it belongs to another learner")));
    }
    let mut read = Vec::new();
    for (group, vs) in groups {
        let weights = read_part(path, &parts, (group, vs), |_| "model")?;
        let trained = |part: &str| -> Result<Tensor> {
            let mut all = Vec::new();
            for (name, parameter) in sorted_variables(vs).into_iter().filter(|(_, parameter)| parameter.requires_grad())
            {
                all.push(tensor(path, &parts, &stored_name(group, part, &name), &parameter.size())?.view([-1]));
            }
            Ok(Tensor::cat(&all, 0).to_device(vs.device()))
        };
        read.push((weights, trained("ema")?, trained("m")?, trained("v")?));
    }
    let device = groups.first().map_or(Device::Cpu, |(_, vs)| vs.device());
    let losses = losses(path, &parts, device)?;
    let memory = shape_of(&parts, MEMORY).map(|shape| tensor(path, &parts, MEMORY, &shape)).transpose()?;
    // Change nothing until everything is known to fit.
    let mut state = TrainingState::of_groups(groups, config.base.seed, &config.training)?;
    for (((weights, ema, m, v), (_, vs)), group) in read.into_iter().zip(groups).zip(state.groups_mut()) {
        copy_into(vs, &weights);
        group.ema.average = ema;
        (group.optimizer.m, group.optimizer.v) = (m, v);
        group.optimizer.steps = progress.optimizer_steps.get(group.name).copied().unwrap_or(progress.steps);
    }
    state.restore(progress.steps, progress.history.clone(), losses);
    if let Some(memory) = memory {
        state.objective().remember(&memory)?;
    }
    Ok(state)
}

/// The losses of an epoch that was stopped.
fn losses(path: &Path, parts: &Parts, device: Device) -> Result<LossByTimestep> {
    let steps = parts.progress.steps_into_epoch;
    if steps == 0 {
        return Ok(LossByTimestep::default());
    }
    let shape = shape_of(parts, "losses.t").unwrap_or_else(|| vec![0]);
    // The losses of the rest of the epoch will be on that device.
    let read = |name| tensor(path, parts, name, &shape).map(|losses| losses.to_device(device));
    Ok(LossByTimestep::from_tensors(steps, read("losses.t")?, read("losses.loss")?))
}

/// The shape of a tensor in the file, if it has one of that name.
fn shape_of(parts: &Parts, name: &str) -> Option<Vec<i64>> {
    Some(parts.tensors.tensor(name).ok()?.shape().iter().map(|size| *size as i64).collect())
}

/// Reads the network's tensors, each from the part of the file that `part` returns for it.
fn read_part(
    path: &Path,
    parts: &Parts,
    (group, vs): (&str, &nn::VarStore),
    part: impl Fn(&Tensor) -> &'static str,
) -> Result<Vec<Tensor>> {
    let read = |(name, parameter): (String, Tensor)| {
        tensor(path, parts, &stored_name(group, part(&parameter), &name), &parameter.size())
    };
    let (mut fitting, mut problems) = (Vec::new(), Vec::new());
    for result in sorted_variables(vs).into_iter().map(read) {
        match result {
            Ok(tensor) => fitting.push(tensor),
            Err(Error::Checkpoint { problem, .. }) => problems.push(problem),
            Err(other) => return Err(other),
        }
    }
    match &problems[..] {
        [] => Ok(fitting),
        [problem] => Err(damaged(path, problem.clone())),
        _ => Err(damaged(path, several(&problems))),
    }
}

/// The first few of several problems.
fn several(problems: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = problems.len().saturating_sub(SHOWN);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{rest}", problems[..problems.len() - more].join("; "))
}

fn copy_into(vs: &nn::VarStore, values: &[Tensor]) {
    let _no_grad = no_grad_guard();
    for ((_, mut parameter), value) in sorted_variables(vs).into_iter().zip(values) {
        parameter.copy_(value);
    }
}

/// The contents of a checkpoint file.
struct Parts<'a> {
    tensors: SafeTensors<'a>,
    progress: Progress,
    weights_only: bool,
    /// Checkpoints of earlier versions do not say it.
    trained_for: Option<TrainedFor>,
}

impl Parts<'_> {
    /// Rejects weights that were trained for something else than the configuration says.
    fn check_trained_for(&self, path: &Path, training: &TrainingConfig) -> Result<()> {
        let difference = |of: &TrainedFor| of.difference(&TrainedFor::of(training));
        self.trained_for.as_ref().and_then(difference).map_or(Ok(()), |difference| Err(damaged(path, difference)))
    }
}

fn parse<'a>(path: &Path, file: &'a [u8]) -> Result<Parts<'a>> {
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

fn tensor(path: &Path, parts: &Parts, name: &str, shape: &[i64]) -> Result<Tensor> {
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

fn damaged(path: &Path, problem: String) -> Error {
    Error::Checkpoint { path: path.to_owned(), problem }
}
