//! `get_dataloader`: the data on the device, in seeded order, in batches.

use rand::seq::SliceRandom;
use tch::{Device, Tensor};

use crate::config::{BaseConfig, TrainingConfig};
use crate::error::{Error, Result};
use crate::points::to_tensor;
use crate::random::{self, Stream};

/// Serves a data set in batches. Every epoch holds each sample once, in an order drawn from the seed and the epoch's
/// number; the last batch is smaller where the batch size does not divide the data.
#[derive(Debug)]
pub struct DataLoader {
    data: Tensor,
    batch_size: i64,
    seed: u64,
}

/// The loader of the data set in `base`, in batches of `training.batch_size`.
///
/// # Errors
/// [`Error::Config`] for a configuration that cannot work, [`Error::Unsupported`] for data of the reader's own (see
/// [`DataLoader::new`]).
pub fn get_dataloader(base: &BaseConfig, training: &TrainingConfig) -> Result<DataLoader> {
    base.validate()?;
    let points = base.dataset.sample(base.dataset_size, base.seed)?;
    DataLoader::new(to_tensor(&points), base, training)
}

impl DataLoader {
    /// A loader of one's own data.
    ///
    /// # Shapes
    /// `data`: `[N, D]` points or `[N, C, H, W]` images, in about `[-1, 1]`; brought to f32 and to the device.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape or no samples, [`Error::DataNotFinite`] for NaN or infinity.
    pub fn new(data: Tensor, base: &BaseConfig, training: &TrainingConfig) -> Result<Self> {
        training.validate()?;
        let (shape, dims) = (data.size(), data.dim());
        if !matches!(dims, 2 | 4) || data.numel() == 0 {
            let expected = "[N, D] or [N, C, H, W], with at least one sample".to_owned();
            return Err(Error::Shape { what: "data", expected, got: shape });
        }
        let broken = data.isfinite().logical_not().nonzero();
        let count = broken.size()[0];
        if count > 0 {
            let first_row = broken.int64_value(&[0, 0]);
            return Err(Error::DataNotFinite { what: "data", count, total: data.numel() as i64, first_row });
        }
        let data = data.to_kind(tch::Kind::Float).to_device(base.device.resolve()?);
        Ok(Self { data, batch_size: training.batch_size as i64, seed: base.seed })
    }

    /// How many samples an epoch holds.
    pub fn samples(&self) -> i64 {
        self.data.size()[0]
    }

    /// How many batches an epoch holds.
    pub fn batches(&self) -> u64 {
        (self.samples() as u64).div_ceil(self.batch_size as u64)
    }

    /// All samples in the order in which they came, `[N, …]`.
    pub fn data(&self) -> &Tensor {
        &self.data
    }

    /// Where the data lives.
    pub fn device(&self) -> Device {
        self.data.device()
    }

    /// The batches `x_0` of an epoch, each `[B, …]`.
    pub fn epoch(&self, epoch: usize) -> impl Iterator<Item = Tensor> + use<> {
        let mut order: Vec<i64> = (0..self.samples()).collect();
        order.shuffle(&mut random::generator(random::derive(self.seed, Stream::Order, epoch as u64)));
        // One gather for the epoch: a batch is then a view that costs nothing.
        let shuffled = self.data.index_select(0, &Tensor::from_slice(&order).to_device(self.device()));
        let (samples, batch_size) = (self.samples(), self.batch_size);
        (0..samples)
            .step_by(batch_size as usize)
            .map(move |start| shuffled.narrow(0, start, batch_size.min(samples - start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loader(samples: usize, batch_size: usize) -> DataLoader {
        let base = BaseConfig { dataset_size: samples, device: crate::device::DeviceChoice::Cpu, ..Default::default() };
        get_dataloader(&base, &TrainingConfig { batch_size, ..Default::default() }).unwrap()
    }

    #[test]
    fn an_epoch_holds_every_sample_once_in_an_order_of_its_own() {
        let loader = loader(1000, 64);
        let all = |epoch| Tensor::cat(&loader.epoch(epoch).collect::<Vec<_>>(), 0);
        let sorted = |x: &Tensor| x.select(1, 0).sort(0, false).0;
        assert_eq!(loader.batches(), 16);
        assert_eq!(loader.epoch(1).map(|batch| batch.size()[0]).collect::<Vec<_>>()[14..], [64, 40]);
        assert_eq!(sorted(&all(1)), sorted(loader.data()));
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
    }

    #[test]
    fn broken_data_is_named() {
        let (base, training) = (BaseConfig::default(), TrainingConfig::default());
        let data = Tensor::from_slice(&[0.0_f32, 1.0, f32::NAN, 0.0, f32::INFINITY, 1.0]).view([3, 2]);
        let message = DataLoader::new(data, &base, &training).unwrap_err().to_string();
        assert!(message.contains("2 of 6") && message.contains("row 1"), "{message}");
        assert!(DataLoader::new(Tensor::zeros([3], tch::kind::FLOAT_CPU), &base, &training).is_err());
        assert!(DataLoader::new(Tensor::zeros([0, 2], tch::kind::FLOAT_CPU), &base, &training).is_err());
    }
}
