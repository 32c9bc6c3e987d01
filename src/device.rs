//! Which device computes: CUDA where there is one, else Metal, else the CPU.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tch::Device;

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
    /// [`Error::Config`] for a device that this machine does not have.
    pub fn resolve(self) -> Result<Device> {
        // libtorch looks for CUDA once, the first time that anything asks: its library has to be loaded by then.
        let _ = load_cuda();
        let absent = |expected: String| Err(Error::config("BaseConfig.device", expected, self));
        match self {
            DeviceChoice::Cpu => Ok(Device::Cpu),
            DeviceChoice::Auto if cuda_devices() > 0 => Ok(Device::Cuda(0)),
            DeviceChoice::Auto if tch::utils::has_mps() => Ok(Device::Mps),
            DeviceChoice::Auto => Ok(Device::Cpu),
            DeviceChoice::Cuda(n) => match cuda_devices() {
                0 => absent("auto or cpu: no CUDA device is seen here (`cargo xtask doctor` says why)".to_owned()),
                count if n < count => Ok(Device::Cuda(n)),
                count => absent(format!("cuda:0 to cuda:{}", count - 1)),
            },
            DeviceChoice::Metal if tch::utils::has_mps() => Ok(Device::Mps),
            DeviceChoice::Metal => absent("auto or cpu: this libtorch has no Metal".to_owned()),
        }
    }
}

/// How many CUDA devices libtorch sees, after its CUDA library has been given the chance to load.
pub fn cuda_devices() -> usize {
    if load_cuda().is_err() {
        return 0;
    }
    usize::try_from(tch::Cuda::device_count()).unwrap_or(0)
}

/// Loads libtorch's CUDA library where it is there and complete. The crate links against the CPU part alone, so that one
/// binary serves both kinds of machine; CUDA registers itself when its library is loaded.
///
/// # Errors
/// The loader's message: on a machine without CUDA, that the library or one of its dependencies is not there.
pub fn load_cuda() -> std::result::Result<(), String> {
    #[cfg(target_os = "linux")]
    {
        use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
        // SAFETY: libtorch's own library, whose initialisers register the CUDA backend with the libtorch that is loaded.
        match unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) } {
            // The backend stays registered, so its code has to stay mapped.
            Ok(library) => std::mem::forget(library),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
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
