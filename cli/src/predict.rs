//! `ddpm predict`: one pass through the network, from arrays to an array.

use std::path::{Path, PathBuf};

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::json;

use crate::model::ModelOptions;
use crate::npy::{NpyArray, read_array, read_samples};
use crate::output::Output;
use crate::say::say;

#[derive(Args)]
pub struct Predict {
    #[command(flatten)]
    model: ModelOptions,
    /// The noisy samples: a .npy file of shape [N, D] or [N, C, H, W], float32 or float64
    #[arg(long, value_name = "FILE")]
    x: PathBuf,
    /// The timestep of each sample: a .npy file of N numbers, int32 or int64, in 1..=T
    #[arg(long, value_name = "FILE")]
    t: PathBuf,
    /// The file for the predicted noise: .npy, float32
    #[arg(long, value_name = "FILE", value_parser = Output::parse_npy)]
    out: Output,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Predict {
    pub fn run(self) -> Result<()> {
        let (x_t, t) = (read_samples(&self.x)?.to_kind(Kind::Float), read_timesteps(&self.t)?);
        // In f32 whatever the model's precision, so that the output can be compared.
        let (manager, model, process) = self.model.load_with_precision(Some(Precision::F32))?;
        self.out.check()?;
        let device = model.device();
        let eps_theta = predict(&model, &*process, &x_t.to_device(device), &t.to_device(device))?;
        self.out.write_npy(&eps_theta)?;
        let (out, shape) = (self.out.path(), eps_theta.size());
        if self.json {
            return say(json!({ "model": manager.name(), "out": out.to_string_lossy(), "shape": shape }));
        }
        say(format!("wrote the noise predicted by {}, {shape:?}, to {}", manager.name(), out.display()))
    }
}

fn read_timesteps(path: &Path) -> Result<Tensor> {
    let (shape, values): (_, Vec<i64>) = match read_array(path)? {
        NpyArray::I64(t) => (t.shape().to_vec(), t.iter().copied().collect()),
        NpyArray::I32(t) => (t.shape().to_vec(), t.iter().map(|t| i64::from(*t)).collect()),
        _ => {
            let problem = "expected timesteps as int32 or int64, got other numbers".to_owned();
            return Err(Error::Path { path: path.to_owned(), problem });
        }
    };
    let shape: Vec<i64> = shape.into_iter().map(|size| size as i64).collect();
    Ok(Tensor::from_slice(&values).f_view(&shape[..])?)
}
