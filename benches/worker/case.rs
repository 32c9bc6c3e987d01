//! What is measured: a network with its data, its device and the settings of its training.

use std::str::FromStr;

use ddpm_tutor::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Case {
    /// The small network on points, batches of 512.
    Fnn,
    /// A U-Net of base 32 in f32 on the CPU, batches of 16 images.
    UnetCpu,
    /// A U-Net of base 64 in bf16 on a GPU, batches of 128 images.
    UnetCuda,
}

impl FromStr for Case {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "fnn" => Ok(Case::Fnn),
            "unet-cpu" => Ok(Case::UnetCpu),
            "unet-cuda" => Ok(Case::UnetCuda),
            _ => Err(format!("unknown case {name:?}: fnn, unet-cpu or unet-cuda")),
        }
    }
}

impl Case {
    /// Data for so many steps.
    pub fn base(self, steps: usize) -> BaseConfig {
        let (device, precision) = match self {
            Case::Fnn | Case::UnetCpu => (DeviceChoice::Cpu, Precision::F32),
            Case::UnetCuda => (DeviceChoice::Cuda(0), Precision::Bf16),
        };
        let dataset_size = steps * self.training().batch_size;
        let painted = PaintedFlowers { count: dataset_size, ..Default::default() };
        let dataset = match self {
            Case::Fnn => Dataset::default(),
            Case::UnetCpu | Case::UnetCuda => Dataset::PaintedFlowers(painted),
        };
        BaseConfig { compute: ComputeConfig { device, precision }, dataset, dataset_size, ..Default::default() }
    }

    pub fn training(self) -> TrainingConfig {
        let images = |batch_size| TrainingConfig { batch_size, validation_samples: 0, ..TrainingConfig::for_images() };
        match self {
            Case::Fnn => TrainingConfig::default(),
            Case::UnetCpu => images(16),
            Case::UnetCuda => images(128),
        }
    }

    pub fn network(self) -> NetworkConfig {
        match self {
            Case::Fnn => FnnConfig::default().into(),
            // Multipliers 1, 2, 4, 4, attention at levels 1 and 2, two residual blocks a level, dropout 0.1.
            Case::UnetCpu => UnetConfig { base_channels: 32, ..Default::default() }.into(),
            Case::UnetCuda => UnetConfig::default().into(),
        }
    }
}
