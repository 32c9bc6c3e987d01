//! One checkpoint, one safetensors file: weights, moving average, optimizer moments, and in its header how far the
//! training was. Written whole or not at all, and read without trusting it.

use std::collections::HashMap;
use std::path::Path;

use ddpm_utils::atomic::write_atomic;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad_guard};

use crate::error::{Error, Result};
use crate::networks::Denoiser;
use crate::training::EpochLoss;
use crate::training_state::TrainingState;

const FORMAT: &str = "ddpm_tutor checkpoint 1";

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
    for (name, buffer) in buffers(model) {
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
    let part = if weights == Weights::Raw { "model" } else { "ema" };
    let mut loaded = Vec::new();
    for (name, parameter) in model.var_store().variables() {
        let part = if parameter.requires_grad() { part } else { "model" };
        loaded.push((tensor(path, &tensors, &format!("{part}.{name}"), &parameter.size())?, parameter));
    }
    // Nothing is changed before everything was found to fit.
    let _no_grad = no_grad_guard();
    for (tensor, mut parameter) in loaded {
        parameter.copy_(&tensor);
    }
    Ok(progress.history)
}

/// Reads a whole training into a network and its fresh state.
pub(crate) fn read_training(path: &Path, model: &dyn Denoiser, state: &mut TrainingState, seed: u64) -> Result<()> {
    let file = std::fs::read(path).map_err(Error::io("read", path))?;
    let (tensors, progress) = parse(path, &file)?;
    if progress.seed != seed {
        let problem = format!("was trained with seed {}, but the configuration says {seed}", progress.seed);
        return Err(damaged(path, problem));
    }
    let flat = |part: &str| -> Result<Tensor> {
        let values = &state.optimizer.parameters.values;
        let mut all = Vec::new();
        for (name, like) in state.optimizer.parameters.unflatten(values) {
            all.push(tensor(path, &tensors, &format!("{part}.{name}"), &like.size())?.view([-1]));
        }
        Ok(Tensor::cat(&all, 0).to_device(values.device()))
    };
    let (ema, m, v) = (flat("ema")?, flat("m")?, flat("v")?);
    read_weights(path, model, Weights::Raw)?;
    state.ema.average = ema;
    (state.optimizer.m, state.optimizer.v) = (m, v);
    state.restore(progress.steps, progress.history);
    Ok(())
}

fn parse<'a>(path: &Path, file: &'a [u8]) -> Result<(SafeTensors<'a>, Progress)> {
    let broken = |e: safetensors::SafeTensorError| {
        damaged(path, format!("not a complete safetensors file ({e}); delete it, and the checkpoint before it is used"))
    };
    let tensors = SafeTensors::deserialize(file).map_err(broken)?;
    let (_, header) = SafeTensors::read_metadata(file).map_err(broken)?;
    let entries = header.metadata().clone().unwrap_or_default();
    if entries.get("format").map(String::as_str) != Some(FORMAT) {
        let found = entries.get("format").map_or("none".to_owned(), |format| format!("{format:?}"));
        return Err(damaged(path, format!("expected a file with the format entry {FORMAT:?}, got {found}")));
    }
    let progress = entries.get("progress").map(|text| serde_json::from_str(text));
    match progress {
        Some(Ok(progress)) => Ok((tensors, progress)),
        Some(Err(e)) => Err(damaged(path, format!("its progress entry does not parse: {e}"))),
        None => Err(damaged(path, "has no progress entry".to_owned())),
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
        return Err(damaged(path, format!("tensor {name:?} holds NaN or infinity")));
    }
    Ok(tensor)
}

/// What a network keeps in its var_store without training it.
fn buffers(model: &dyn Denoiser) -> Vec<(String, Tensor)> {
    model.var_store().variables().into_iter().filter(|(_, tensor)| !tensor.requires_grad()).collect()
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
