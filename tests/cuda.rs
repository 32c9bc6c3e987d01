//! What holds on a GPU: `cargo xtask gpu-kit` brings these tests to a machine that has one (gpu/README.md). `DDPM_TUTOR_DEVICE` names the
//! device; on `cpu`, sizes are tiny, and what is of a GPU alone is left out. A line `measured NAME VALUE UNIT` is a figure for the report.

mod common;
mod cuda_driver;
#[path = "cuda/memory.rs"]
mod memory;
#[path = "cuda/run.rs"]
mod run;
#[path = "cuda/sampling.rs"]
mod sampling;
#[path = "cuda/training.rs"]
mod training;
