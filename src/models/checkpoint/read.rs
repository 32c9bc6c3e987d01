//! Reads checkpoints: nothing changes until everything in the file is known to fit.

use std::path::Path;

use tch::{Device, Tensor, nn, no_grad_guard};

use super::file::{DELETE_IT, Groups, MEMORY, Parts, Progress, Weights, damaged, parse, shape_of, stored_name, tensor};
use crate::config::TrainingConfig;
use crate::error::{Error, Result};
use crate::models::config::ModelConfig;
use crate::networks::sorted_variables;
use crate::tensor_file;
use crate::training::{EpochLoss, LossByTimestep, TrainingState};

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
    if let Some(memory) = memory {
        let damaged = |error: Error| damaged(path, format!("its {MEMORY} does not fit: {error}. {DELETE_IT}"));
        state.objective().remember(&memory).map_err(damaged)?;
    }
    for (((weights, ema, m, v), (_, vs)), group) in read.into_iter().zip(groups).zip(state.groups_mut()) {
        copy_into(vs, &weights);
        group.ema.average = ema;
        (group.optimizer.m, group.optimizer.v) = (m, v);
        group.optimizer.steps = progress.optimizer_steps.get(group.name).copied().unwrap_or(progress.steps);
    }
    state.restore(progress.steps, progress.history.clone(), losses);
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
