//! `ddpm predict`: one look through the network, from arrays to an array.

use std::path::{Path, PathBuf};

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::json;

use crate::model::Chosen;
use crate::npy::{NpyArray, NpyError, read_npy};
use crate::output::Output;
use crate::say::say;

#[derive(Args)]
pub struct Predict {
    #[command(flatten)]
    chosen: Chosen,
    /// The noisy samples: a .npy of shape [N, D] or [N, C, H, W], float32 or float64
    #[arg(long, value_name = "FILE")]
    x: PathBuf,
    /// The timestep of each: a .npy of N numbers, int32 or int64, in 1..=T
    #[arg(long, value_name = "FILE")]
    t: PathBuf,
    /// Where the predicted noise goes: a .npy, float32
    #[arg(long, value_name = "FILE", value_parser = Output::parse_npy)]
    out: Output,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Predict {
    pub fn run(self) -> Result<()> {
        let (x_t, t) = (samples(&self.x)?, timesteps(&self.t)?);
        // To be compared: in f32, whatever the model samples in.
        let (manager, model, constants) = self.chosen.load_in(Some(Precision::F32))?;
        self.out.check()?;
        let device = constants.device();
        let eps_theta = predict(&model, &constants, &x_t.to_device(device), &t.to_device(device))?;
        self.out.write_npy(&eps_theta)?;
        let (out, shape) = (self.out.path(), eps_theta.size());
        if self.json {
            return say(json!({ "model": manager.name(), "out": out.to_string_lossy(), "shape": shape }));
        }
        say(format!("noise predicted by {}, {shape:?}: {}", manager.name(), out.display()))
    }
}

fn samples(path: &Path) -> Result<Tensor> {
    let (shape, values): (_, Vec<f32>) = match read(path)? {
        NpyArray::F32(x) => (shape(x.shape()), x.iter().copied().collect()),
        NpyArray::F64(x) => (shape(x.shape()), x.iter().map(|x| *x as f32).collect()),
        _ => return Err(refused(path, "its numbers are integers; expected samples as float32 or float64".to_owned())),
    };
    Ok(Tensor::from_slice(&values).f_view(&shape[..])?)
}

fn timesteps(path: &Path) -> Result<Tensor> {
    let (shape, values): (_, Vec<i64>) = match read(path)? {
        NpyArray::I64(t) => (shape(t.shape()), t.iter().copied().collect()),
        NpyArray::I32(t) => (shape(t.shape()), t.iter().map(|t| i64::from(*t)).collect()),
        _ => return Err(refused(path, "its numbers are no integers; expected timesteps as int32 or int64".to_owned())),
    };
    Ok(Tensor::from_slice(&values).f_view(&shape[..])?)
}

fn shape(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|size| *size as i64).collect()
}

fn read(path: &Path) -> Result<NpyArray> {
    read_npy(path).map_err(|error| match error {
        NpyError::Io(source) => Error::Io { action: "read", path: path.to_owned(), source },
        error => refused(path, error.to_string()),
    })
}

fn refused(path: &Path, problem: String) -> Error {
    Error::Path { path: path.to_owned(), problem }
}
