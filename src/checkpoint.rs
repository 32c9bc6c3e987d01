//! One checkpoint, one safetensors file: weights, moving average, optimizer moments, and in its header how far the
//! training was. Written whole or not at all, and read without trusting it.

use std::collections::HashMap;
use std::path::Path;

use ddpm_utils::atomic::write_atomic;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad_guard};

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::networks::Denoiser;
use crate::training::EpochLoss;
use crate::training_state::TrainingState;

const FORMAT: &str = "ddpm_tutor checkpoint 1";
const GO_ON: &str = "Delete it to go on from the checkpoint before it, or from the start if it is the only one";

/// Which weights of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// The weights as the optimizer left them: those that training goes on from.
    Raw,
    /// Their moving average: those that sampling uses.
    Ema,
}

/// How far the training was.
#[derive(Serialize, Deserialize)]
struct Progress {
    steps: u64,
    seed: u64,
    history: Vec<EpochLoss>,
}

/// Writes the state of a training to `path`.
pub(crate) fn write(path: &Path, model: &dyn Denoiser, state: &TrainingState, seed: u64) -> Result<()> {
    let optimizer = &state.optimizer;
    optimizer.parameters.check_still_ours()?;
    let parts = [
        ("model", &optimizer.parameters.values),
        ("ema", &state.ema.average),
        ("m", &optimizer.m),
        ("v", &optimizer.v),
    ];
    let mut tensors: Vec<(String, Vec<u8>, Vec<i64>)> = Vec::new();
    for (part, flat) in parts {
        for (name, tensor) in optimizer.parameters.unflatten(flat) {
            tensors.push((format!("{part}.{name}"), bytes(&tensor)?, tensor.size()));
        }
    }
    // What a network keeps without training it.
    for (name, buffer) in sorted_variables(model).into_iter().filter(|(_, tensor)| !tensor.requires_grad()) {
        tensors.push((format!("model.{name}"), bytes(&buffer)?, buffer.size()));
    }
    let progress = Progress { steps: optimizer.steps(), seed, history: state.history().to_vec() };
    let header = HashMap::from([
        ("format".to_owned(), FORMAT.to_owned()),
        ("progress".to_owned(), serde_json::to_string(&progress).map_err(|e| damaged(path, e.to_string()))?),
    ]);
    let views: Vec<(&str, TensorView)> = tensors
        .iter()
        .map(|(name, data, shape)| {
            let shape = shape.iter().map(|size| *size as usize).collect();
            Ok((name.as_str(), TensorView::new(Dtype::F32, shape, data)?))
        })
        .collect::<std::result::Result<_, safetensors::SafeTensorError>>()
        .map_err(|e| damaged(path, e.to_string()))?;
    let file = serialize(views, Some(header)).map_err(|e| damaged(path, e.to_string()))?;
    Ok(write_atomic(path, &file)?)
}

/// Reads the weights alone into a network.
pub(crate) fn read_weights(path: &Path, model: &dyn Denoiser, weights: Weights) -> Result<Vec<EpochLoss>> {
    let file = std::fs::read(path).map_err(Error::io("read", path))?;
    let (tensors, progress) = parse(path, &file)?;
    let averaged = if weights == Weights::Raw { "model" } else { "ema" };
    let part = |parameter: &Tensor| if parameter.requires_grad() { averaged } else { "model" };
    copy_into(model, &read_part(path, &tensors, model, part)?);
    Ok(progress.history)
}

/// Reads a whole training: its weights into the network, and the state to go on from.
pub(crate) fn read_training(path: &Path, model: &dyn Denoiser, config: &ModelConfig) -> Result<TrainingState> {
    let file = std::fs::read(path).map_err(Error::io("read", path))?;
    let (tensors, progress) = parse(path, &file)?;
    if progress.seed != config.base.seed {
        let (there, here) = (progress.seed, config.base.seed);
        let advice = format!("set seed {there} in config.json, or train under a new name");
        return Err(damaged(
            path,
            format!("was trained with seed {there}, but the configuration says {here}; {advice}"),
        ));
    }
    let weights = read_part(path, &tensors, model, |_| "model")?;
    let trained = |part: &'static str| -> Result<Tensor> {
        let mut all = Vec::new();
        for (name, parameter) in sorted_variables(model).into_iter().filter(|(_, parameter)| parameter.requires_grad())
        {
            all.push(tensor(path, &tensors, &format!("{part}.{name}"), &parameter.size())?.view([-1]));
        }
        Ok(Tensor::cat(&all, 0).to_device(model.var_store().device()))
    };
    let (ema, m, v) = (trained("ema")?, trained("m")?, trained("v")?);
    // Nothing is changed before everything was found to fit.
    let mut state = TrainingState::new(model, &config.base, &config.training)?;
    copy_into(model, &weights);
    state.ema.average = ema;
    (state.optimizer.m, state.optimizer.v) = (m, v);
    state.restore(progress.steps, progress.history);
    Ok(state)
}

/// Reads a tensor for each of the network's, from the part of the file that `part` names for it.
fn read_part(
    path: &Path,
    tensors: &SafeTensors,
    model: &dyn Denoiser,
    part: impl Fn(&Tensor) -> &'static str,
) -> Result<Vec<Tensor>> {
    let read = |(name, parameter): (String, Tensor)| {
        tensor(path, tensors, &format!("{}.{name}", part(&parameter)), &parameter.size())
    };
    sorted_variables(model).into_iter().map(read).collect()
}

fn copy_into(model: &dyn Denoiser, values: &[Tensor]) {
    let _no_grad = no_grad_guard();
    for ((_, mut parameter), value) in sorted_variables(model).into_iter().zip(values) {
        parameter.copy_(value);
    }
}

fn sorted_variables(model: &dyn Denoiser) -> Vec<(String, Tensor)> {
    let mut variables: Vec<_> = model.var_store().variables().into_iter().collect();
    variables.sort_by(|a, b| a.0.cmp(&b.0));
    variables
}

fn parse<'a>(path: &Path, file: &'a [u8]) -> Result<(SafeTensors<'a>, Progress)> {
    let broken = |e: safetensors::SafeTensorError| {
        damaged(path, format!("not a complete safetensors file ({e}): it was cut short or damaged. {GO_ON}"))
    };
    let tensors = SafeTensors::deserialize(file).map_err(broken)?;
    let (_, header) = SafeTensors::read_metadata(file).map_err(broken)?;
    let entries = header.metadata().clone().unwrap_or_default();
    if entries.get("format").map(String::as_str) != Some(FORMAT) {
        let found = entries.get("format").map_or("no format entry".to_owned(), |format| format!("{format:?}"));
        return Err(damaged(path, format!("this is not a checkpoint of ddpm: expected {FORMAT:?}, got {found}")));
    }
    let progress = entries.get("progress").map(|text| serde_json::from_str(text));
    match progress {
        Some(Ok(progress)) => Ok((tensors, progress)),
        Some(Err(e)) => Err(damaged(path, format!("its progress entry does not parse: {e}. {GO_ON}"))),
        None => Err(damaged(path, format!("has no progress entry. {GO_ON}"))),
    }
}

fn tensor(path: &Path, tensors: &SafeTensors, name: &str, shape: &[i64]) -> Result<Tensor> {
    let view = tensors.tensor(name).map_err(|_| {
        damaged(path, format!("has no tensor {name:?}: it belongs to another network than the configuration describes"))
    })?;
    let found: Vec<i64> = view.shape().iter().map(|size| *size as i64).collect();
    if found != shape || view.dtype() != Dtype::F32 {
        let problem =
            format!("tensor {name:?}: expected F32 of shape {shape:?}, got {:?} of shape {found:?}", view.dtype());
        return Err(damaged(path, problem));
    }
    let tensor = Tensor::f_from_data_size(view.data(), shape, Kind::Float)?;
    if tensor.isfinite().all().int64_value(&[]) == 0 {
        return Err(damaged(path, format!("tensor {name:?} holds NaN or infinity. {GO_ON}")));
    }
    Ok(tensor)
}

fn bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    let tensor = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let mut bytes = vec![0; 4 * tensor.numel()];
    tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
    Ok(bytes)
}

fn damaged(path: &Path, problem: String) -> Error {
    Error::Checkpoint { path: path.to_owned(), problem }
}
