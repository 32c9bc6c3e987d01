//! `ddpm predict`: one look through the network, from arrays to an array.

use std::path::{Path, PathBuf};

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::json;

use crate::model::Chosen;
use crate::npy::{NpyArray, read_array, read_samples};
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
        let (x_t, t) = (read_samples(&self.x)?.to_kind(Kind::Float), timesteps(&self.t)?);
        // To be compared: in f32, whatever the model samples in.
        let (manager, model, process) = self.chosen.load_in(Some(Precision::F32))?;
        self.out.check()?;
        let device = model.device();
        let eps_theta = predict(&model, &*process, &x_t.to_device(device), &t.to_device(device))?;
        self.out.write_npy(&eps_theta)?;
        let (out, shape) = (self.out.path(), eps_theta.size());
        if self.json {
            return say(json!({ "model": manager.name(), "out": out.to_string_lossy(), "shape": shape }));
        }
        say(format!("noise predicted by {}, {shape:?}: {}", manager.name(), out.display()))
    }
}

fn timesteps(path: &Path) -> Result<Tensor> {
    let (shape, values): (_, Vec<i64>) = match read_array(path)? {
        NpyArray::I64(t) => (t.shape().to_vec(), t.iter().copied().collect()),
        NpyArray::I32(t) => (t.shape().to_vec(), t.iter().map(|t| i64::from(*t)).collect()),
        _ => {
            let problem = "its numbers are not integers; expected timesteps as int32 or int64".to_owned();
            return Err(Error::Path { path: path.to_owned(), problem });
        }
    };
    let shape: Vec<i64> = shape.into_iter().map(|size| size as i64).collect();
    Ok(Tensor::from_slice(&values).f_view(&shape[..])?)
}
