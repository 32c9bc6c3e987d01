//! `Precision`: the floating-point format that a network computes in.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind};

use crate::cuda::cuda_generation;

/// The floating-point format of a U-Net's convolutions and matrix products. Weights, norms, loss and optimizer are
/// f32 in any case. There is no f16: its range is too small for training without loss scaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// bf16 on a CUDA GPU with hardware for it (compute capability 8.0, Ampere, and above), f32 elsewhere.
    #[default]
    Auto,
    /// 32 bits, 24 of them precision. The command line and the notebook kernel keep a GPU from rounding to TF32, which
    /// has 11 (`NVIDIA_TF32_OVERRIDE=0`). Your own program has to set that itself if its outputs should match a CPU's.
    F32,
    /// 16 bits, with the range of f32 and 8 bits of precision: faster on a GPU, and on a CPU that has instructions for
    /// it (AMX, AVX-512 BF16).
    Bf16,
}

impl Precision {
    pub(crate) fn kind(self, device: Device) -> Kind {
        match (self, device) {
            (Precision::Auto, Device::Cuda(n)) => of_generation(cuda_generation(n)),
            (Precision::Bf16, _) => Kind::BFloat16,
            (Precision::Auto | Precision::F32, _) => Kind::Float,
        }
    }
}

/// The format for a CUDA GPU. One that does not report its generation is more likely new than old.
fn of_generation(generation: Option<i32>) -> Kind {
    if generation.is_none_or(|generation| generation >= 8) { Kind::BFloat16 } else { Kind::Float }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_is_for_gpus_with_hardware_for_it() {
        let kinds = [Some(7), Some(8), Some(12), None].map(of_generation);
        assert_eq!(kinds, [Kind::Float, Kind::BFloat16, Kind::BFloat16, Kind::BFloat16]);
        assert_eq!(Precision::Auto.kind(Device::Cpu), Kind::Float);
    }
}
