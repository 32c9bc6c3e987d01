//! `Uniform`: all times equally often.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::TimestepSampling;
use crate::error::Result;
use crate::process::Process;

/// `p(t) = 1 / T`; for a process without steps, uniform between 0 and its end. Ho et al. 2020, Algorithm 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uniform;

impl TimestepSampling for Uniform {
    fn draw(&self, process: &dyn Process, n: i64) -> Result<Tensor> {
        let Some(steps) = process.steps() else {
            // In (0, end]: at 0 there is no noise to see.
            let share: Tensor = 1.0 - Tensor::rand([n], (Kind::Double, Device::Cpu));
            return Ok(share * process.end());
        };
        Ok(Tensor::randint_low(1, steps as i64 + 1, [n], (Kind::Int64, Device::Cpu)))
    }
}
