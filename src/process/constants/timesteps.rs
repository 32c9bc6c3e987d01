//! Timesteps as tensors, and checks that they are within the process.

use tch::{Device, Kind, Tensor};

use super::ConstantsManager;
use crate::error::{Error, Result};

impl ConstantsManager {
    /// The timestep `t` for each of `n` samples, shape `[n]` int64: the input of a network if all samples are at the
    /// same step.
    pub fn same_timestep(&self, t: usize, n: i64) -> Tensor {
        Tensor::full([n], t as i64, (Kind::Int64, self.device))
    }

    /// Rejects samples with other dimensions than these constants are for, and timesteps that are not one per sample.
    pub(crate) fn check_samples(&self, x: &Tensor, t: &Tensor) -> Result<()> {
        if x.dim() != self.sample_dims + 1 {
            let expected = if self.sample_dims == 1 { "[N, D], points" } else { "[N, C, H, W], images" };
            return Err(Error::Shape {
                what: "samples for these constants",
                expected: expected.to_owned(),
                got: x.size(),
            });
        }
        if x.device() != self.device {
            return Err(Error::Device { what: "samples", expected: self.device, got: x.device() });
        }
        let n = x.size()[0];
        if t.size() != [n] {
            return Err(Error::Shape {
                what: "timesteps t",
                expected: format!("[{n}], one per sample"),
                got: t.size(),
            });
        }
        Ok(())
    }

    /// Rejects anything but int64 timesteps `[N]`, on the CPU or the device of the constants.
    pub(super) fn check_tensor(&self, t: &Tensor) -> Result<()> {
        if t.dim() != 1 || t.kind() != Kind::Int64 {
            let got = format!("a {:?} tensor of shape {:?}", t.kind(), t.size());
            return Err(Error::Timestep { expected: "int64 timesteps of shape [N]".to_owned(), got });
        }
        if ![Device::Cpu, self.device].contains(&t.device()) {
            return Err(Error::Device { what: "timesteps", expected: self.device, got: t.device() });
        }
        Ok(())
    }

    /// Rejects timesteps outside `1..=T`.
    pub(super) fn check(&self, t: &Tensor) -> Result<()> {
        let t = t.to_device(Device::Cpu);
        let outside = t.lt(1).logical_or(&t.gt(self.timesteps() as i64)).nonzero();
        if outside.size()[0] == 0 {
            return Ok(());
        }
        let got = t.int64_value(&[outside.int64_value(&[0, 0])]).to_string();
        Err(Error::Timestep { expected: format!("1..={}", self.timesteps()), got })
    }
}
