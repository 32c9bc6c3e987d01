//! What the tests on a GPU share: the device, a small training, and lines for the report.

use std::env;

use ddpm_tutor::prelude::*;

pub fn device() -> DeviceChoice {
    env::var("DDPM_TUTOR_DEVICE").map_or(DeviceChoice::Cuda(0), |name| name.parse().unwrap())
}

pub fn on_gpu() -> bool {
    matches!(device(), DeviceChoice::Cuda(_))
}

pub fn compute(precision: Precision) -> ComputeConfig {
    ComputeConfig { device: device(), precision }
}

pub fn measured(name: &str, value: f64, unit: &str) {
    println!("measured {name} {value:.6} {unit}");
}

/// `|| a - b || / || b ||`, of any devices.
pub fn relative(a: &Tensor, b: &Tensor) -> f64 {
    let double = |x: &Tensor| x.to_device(Device::Cpu).to_kind(Kind::Double);
    let (a, b) = (double(a), double(b));
    ((a - &b).norm() / b.norm().clamp_min(1e-30)).double_value(&[])
}

/// A U-Net with dropout and attention for images of 16 x 16, and painted flowers to train it on.
pub fn images(precision: Precision) -> (BaseConfig, UnetConfig, TrainingConfig) {
    let count = if on_gpu() { 1024 } else { 64 };
    let size = [16, 16];
    let dataset = Dataset::PaintedFlowers(PaintedFlowers { count, size, ..Default::default() });
    let base = BaseConfig { compute: compute(precision), dataset, dataset_size: count, seed: 3, ..Default::default() };
    let network = UnetConfig {
        image_shape: [3, 16, 16],
        base_channels: 16,
        channel_multipliers: vec![1, 2],
        attention: vec![false, true],
        residual_blocks: 1,
        ..Default::default()
    };
    let batch_size = count / 8;
    let training =
        TrainingConfig { epochs: 3, batch_size, timesteps: 50, validation_samples: 0, ..TrainingConfig::for_images() };
    (base, network, training)
}

/// A training, and its losses so far.
pub struct Run {
    pub model: Model,
    pub loader: DataLoader,
    pub constants: ConstantsManager,
    pub state: TrainingState,
    pub losses: Vec<f64>,
}

impl Run {
    pub fn new(base: &BaseConfig, network: impl Into<NetworkConfig>, training: &TrainingConfig) -> Self {
        let model = get_model(base, network, training).unwrap();
        let loader = get_dataloader(base, training).unwrap();
        let constants = ConstantsManager::new(base, training).unwrap();
        let state = TrainingState::new(&model, base, training).unwrap();
        Self { model, loader, constants, state, losses: Vec::new() }
    }

    /// Trains up to a number of steps.
    pub fn until(&mut self, steps: u64) -> ddpm_tutor::Result<()> {
        let losses = &mut self.losses;
        while self.state.steps() < steps {
            train_one_epoch(&self.model, &self.loader, &self.constants, &mut self.state, &mut |report| {
                losses.push(report.loss);
                if losses.len() as u64 >= steps {
                    report.stop();
                }
            })?;
        }
        Ok(())
    }

    pub fn weights(&self) -> Tensor {
        let mut all: Vec<_> = self.model.var_store().variables().into_iter().collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let flat = |(_, weight): (String, Tensor)| weight.detach().to_device(Device::Cpu).reshape([-1]);
        Tensor::cat(&all.into_iter().map(flat).collect::<Vec<_>>(), 0)
    }
}
