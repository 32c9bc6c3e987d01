//! The rows in which the crate and PyTorch train and sample the same network.

use anyhow::{Context, Result};

use super::row::{Row, Target};
use super::turns::{Side, Turns, Unit};
use super::worker::Worker;
use crate::project::Project;

pub const FNN_TRAINING: &str = "training step, FNN, batch 512";
pub const FNN_SAMPLING: &str = "sampling 300 points, T = 40";
pub const UNET_TRAINING: &str = "training step, U-Net, CPU, batch 16";
pub const UNET_MEMORY: &str = "peak memory of training, U-Net, CPU";
pub const UNET_SAMPLING: &str = "sampling step, U-Net, CPU, batch 16";
pub const UNET_CUDA: &str = "training step, U-Net, CUDA, bf16, batch 128";

pub fn fnn_training(project: &Project) -> Result<Vec<Row>> {
    Ok(vec![turns(project, FNN_TRAINING, "fnn", "train fnn 196", 196.0, 0.6)?.take()?])
}

pub fn fnn_sampling(project: &Project) -> Result<Vec<Row>> {
    Ok(vec![turns(project, FNN_SAMPLING, "fnn", "sample fnn 300 40 10", 10.0, 0.5)?.take()?])
}

/// The memory is that of the two programs that have just trained, and done nothing else.
pub fn unet_training(project: &Project) -> Result<Vec<Row>> {
    let mut turns = turns(project, UNET_TRAINING, "unet-cpu", "train unet-cpu 4", 4.0, 1.0)?;
    let row = turns.take()?;
    let target = Some(Target::Ratio(1.0));
    let memory = match (turns.ours.worker.peak_memory(), turns.theirs.worker.peak_memory()) {
        (Some(ours), Some(theirs)) => {
            let note = format!("{}; VmHWM of each program after these training steps", turns.theirs.about);
            Row {
                theirs: Some(theirs),
                ratio: Some(ours / theirs),
                ..Row::alone(UNET_MEMORY, "MiB", ours, target, note)
            }
        }
        _ => Row::skipped(UNET_MEMORY, "MiB", target, "skipped: this system has no /proc to read it from"),
    };
    Ok(vec![row, memory])
}

pub fn unet_sampling(project: &Project) -> Result<Vec<Row>> {
    Ok(vec![turns(project, UNET_SAMPLING, "unet-cpu", "sample unet-cpu 16 10 1", 10.0, 1.0)?.take()?])
}

pub fn unet_cuda(project: &Project) -> Result<Vec<Row>> {
    if Worker::ours(project)?.ask("cuda")? == "0" {
        let why = "skipped: no CUDA device is seen here";
        return Ok(vec![Row::skipped(UNET_CUDA, "ms", Some(Target::Ratio(0.9)), why)]);
    }
    Ok(vec![turns(project, UNET_CUDA, "unet-cuda", "train unet-cuda 20", 20.0, 0.9)?.take()?])
}

/// Both sides with as many threads as the crate chooses for this network. Left to itself, PyTorch takes every core: where
/// that is another number, it is told too, although the target is for equal ones.
fn turns(project: &Project, name: &'static str, case: &str, command: &str, times: f64, most: f64) -> Result<Turns> {
    let about = format!("about {case}");
    let side = |mut worker: Worker| -> Result<Side> {
        let about = worker.ask(&about)?;
        Ok(Side { worker, command: command.to_owned(), about })
    };
    let ours = side(Worker::ours(project)?)?;
    let threads = ours.about.parse().with_context(|| format!("the Rust worker has {:?} threads", ours.about))?;
    let theirs = side(Worker::theirs(project, Some(threads))?)?;
    let beside = Some(side(Worker::theirs(project, None)?)?).filter(|beside| beside.about != theirs.about);
    Ok(Turns { name, unit: Unit::Milliseconds, times, target: Target::Ratio(most), ours, theirs, beside })
}
