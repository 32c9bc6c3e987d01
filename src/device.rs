//! The device that computes: a CUDA device that this libtorch has code for, else Metal, else the CPU.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tch::{Device, Tensor};

use crate::cuda::{cuda_came_too_late, cuda_devices, load_cuda, try_cuda};
use crate::error::{Error, Result};

/// The device that a configuration asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first CUDA device that this libtorch has code for, else Metal, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of that number.
    Cuda(usize),
    /// Apple's GPU.
    Metal,
}

impl DeviceChoice {
    /// The device as libtorch names it.
    ///
    /// # Errors
    /// [`Error::Config`] for a device that this machine does not have or that does not work.
    pub fn resolve(self) -> Result<Device> {
        // Even for the CPU: libtorch looks for CUDA only once, and a later model may need it.
        let _ = load_cuda();
        match self {
            DeviceChoice::Cpu => Ok(Device::Cpu),
            DeviceChoice::Cuda(n) => self.cuda(n),
            DeviceChoice::Auto => self.first(),
            DeviceChoice::Metal if tch::utils::has_mps() => Ok(Device::Mps),
            DeviceChoice::Metal => self.refused("auto or cpu: this libtorch has no Metal"),
        }
    }

    fn cuda(self, n: usize) -> Result<Device> {
        match cuda_devices() {
            devices if n < devices => match try_cuda(n) {
                Ok(()) => Ok(Device::Cuda(n)),
                Err(problem) => self.broken(n, &problem),
            },
            0 if cuda_came_too_late() => self.refused(
                "auto or cpu: libtorch used a device, a seed or a gradient before its CUDA library was loaded. Restart, and \
                 create the model or the constants first, or call ddpm_tutor::cuda::load_cuda",
            ),
            0 => self.refused("auto or cpu: no CUDA device was found (`cargo xtask doctor` says why)"),
            devices => self.refused(&format!("cuda:0 to cuda:{}", devices - 1)),
        }
    }

    /// The first device that works.
    fn first(self) -> Result<Device> {
        for n in 0..cuda_devices() {
            match try_cuda(n) {
                Ok(()) => return Ok(Device::Cuda(n)),
                // Too old for this libtorch; it may only drive the screen.
                Err(problem) if problem.contains("no kernel image") => {}
                Err(problem) => return self.broken(n, &problem),
            }
        }
        Ok(if tch::utils::has_mps() { Device::Mps } else { Device::Cpu })
    }

    fn broken(self, n: usize, problem: &str) -> Result<Device> {
        self.refused(&format!("another device, such as cpu: CUDA device {n} was found but does not work ({problem})"))
    }

    fn refused(self, expected: &str) -> Result<Device> {
        Err(Error::config("BaseConfig.device", expected, self))
    }
}

/// Copies a CPU tensor to this device without waiting for the GPU's pending work. (CUDA has copied memory that is not
/// pinned before this returns.)
pub(crate) fn sent(tensor: &Tensor, device: Device) -> Tensor {
    match (tensor.device(), device) {
        (Device::Cpu, Device::Cuda(_)) => tensor.internal_to_copy((tensor.kind(), device), true),
        _ => tensor.to_device(device),
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Auto => f.write_str("auto"),
            DeviceChoice::Cpu => f.write_str("cpu"),
            DeviceChoice::Cuda(n) => write!(f, "cuda:{n}"),
            DeviceChoice::Metal => f.write_str("metal"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let cuda = text.strip_prefix("cuda").map(|rest| match rest {
            "" => Some(0),
            number => number.strip_prefix(':').and_then(|n| n.parse().ok()),
        });
        match (text, cuda) {
            ("auto", _) => Ok(DeviceChoice::Auto),
            ("cpu", _) => Ok(DeviceChoice::Cpu),
            ("metal" | "mps", _) => Ok(DeviceChoice::Metal),
            (_, Some(Some(n))) => Ok(DeviceChoice::Cuda(n)),
            _ => Err(Error::config("BaseConfig.device", "auto, cpu, cuda, cuda:N or metal", text)),
        }
    }
}

impl Serialize for DeviceChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DeviceChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for name in ["auto", "cpu", "cuda:0", "cuda:3", "metal"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
        assert_eq!("cuda".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(0));
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cuda3"] {
            assert!(wrong.parse::<DeviceChoice>().is_err(), "{wrong}");
        }
    }
}
