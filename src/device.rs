//! Which device computes: CUDA where there is one that this libtorch has code for, else Metal, else the CPU.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tch::Device;

use crate::cuda::{cuda_came_too_late, cuda_devices, load_cuda, try_cuda};
use crate::error::{Error, Result};

/// The device that a configuration asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// CUDA where a device is seen, else Metal, else the CPU.
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
    /// [`Error::Config`] for a device that this machine does not have, or that does not compute.
    pub fn resolve(self) -> Result<Device> {
        let devices = match self {
            // libtorch looks for CUDA once: another tensor of this process may ask for it.
            DeviceChoice::Cpu | DeviceChoice::Metal => load_cuda().map_or(0, |()| 0),
            DeviceChoice::Auto | DeviceChoice::Cuda(_) => cuda_devices(),
        };
        let absent = |expected: String| Err(Error::config("BaseConfig.device", expected, self));
        let broken = |n: usize, problem: String| {
            absent(format!("another device, such as cpu: CUDA device {n} is seen but does not compute ({problem})"))
        };
        match self {
            DeviceChoice::Auto if devices > 0 => match try_cuda(0) {
                Ok(()) => Ok(Device::Cuda(0)),
                // The GPU is too old for this libtorch. It may be there for the screen alone.
                Err(problem) if problem.contains("no kernel image") => Ok(Device::Cpu),
                Err(problem) => broken(0, problem),
            },
            DeviceChoice::Auto | DeviceChoice::Metal if tch::utils::has_mps() => Ok(Device::Mps),
            DeviceChoice::Auto | DeviceChoice::Cpu => Ok(Device::Cpu),
            DeviceChoice::Metal => absent("auto or cpu: this libtorch has no Metal".to_owned()),
            DeviceChoice::Cuda(n) if n < devices => try_cuda(n).map(|()| Device::Cuda(n)).or_else(|problem| broken(n, problem)),
            DeviceChoice::Cuda(_) if cuda_came_too_late() => absent(
                "auto or cpu: libtorch was asked for a device, a seed or a gradient before it had CUDA. Start again, and make the \
                 model or the constants first, or call ddpm_tutor::cuda::load_cuda"
                    .to_owned(),
            ),
            DeviceChoice::Cuda(_) if devices == 0 => {
                absent("auto or cpu: no CUDA device is seen here (`cargo xtask doctor` says why)".to_owned())
            }
            DeviceChoice::Cuda(_) => absent(format!("cuda:0 to cuda:{}", devices - 1)),
        }
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
