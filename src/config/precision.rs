//! `Precision`: in which numbers a network computes.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind};

use crate::cuda::cuda_generation;

/// In which numbers the convolutions and matrix products of a U-Net are computed. Weights, norms, loss and optimizer are
/// f32 either way. There is no f16: its range is too small to train in without scaling the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// bf16 on a CUDA GPU that has units for it (compute capability 8.0, Ampere, and above), f32 elsewhere.
    #[default]
    Auto,
    /// 32 bits: 24 of precision. The command line and the notebooks' kernel keep a GPU from rounding them to TF32, which has 11
    /// (`NVIDIA_TF32_OVERRIDE=0`); a program of your own has to set that itself, so that outputs can be compared with a CPU's.
    F32,
    /// 16 bits, with the range of f32 and 8 bits of precision: faster on a GPU, and on a CPU that has instructions for it
    /// (AMX, AVX-512 BF16).
    Bf16,
}

impl Precision {
    pub(crate) fn kind(self, device: Device) -> Kind {
        match (self, device) {
            // A device that does not tell is more likely new than old.
            (Precision::Auto, Device::Cuda(n)) if cuda_generation(n).is_none_or(|generation| generation >= 8) => {
                Kind::BFloat16
            }
            (Precision::Bf16, _) => Kind::BFloat16,
            (Precision::Auto | Precision::F32, _) => Kind::Float,
        }
    }
}
