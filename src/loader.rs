//! `get_dataloader`: serves the data in batches, on the device, in an order that follows from the seed.

use rand::RngExt;
use rand::seq::SliceRandom;
use tch::{Device, Kind, Tensor};

use crate::config::{BaseConfig, TrainingConfig};
use crate::datasets::LabelledImages;
use crate::error::{Error, Result};
use crate::objectives::Batch;
use crate::pixels::to_unit_range;
use crate::points::{require_memory, to_tensor};
use crate::random::{self, Stream};

/// Serves a data set in batches. Every epoch contains each sample once, in an order that follows from the seed and the
/// number of the epoch; the last batch is smaller if the batch size does not divide the data.
///
/// Images stay bytes in memory, and become f32 in `[-1, 1]` batch by batch, half of them mirrored if the data set
/// allows it.
#[derive(Debug)]
pub struct DataLoader {
    /// `[N, D]` f32, or `[N, C, H, W]` f32 or, before [`to_unit_range`], u8.
    data: Tensor,
    held_out: Option<Tensor>,
    labels: Option<Tensor>,
    held_out_labels: Option<Tensor>,
    classes: Vec<String>,
    remarks: Vec<String>,
    flips: bool,
    batch_size: i64,
    seed: u64,
}

/// The loader of the data set in `base`, in batches of `training.batch_size`.
///
/// # Errors
/// [`Error::Config`] for an invalid configuration, [`Error::Unsupported`] for the reader's own data (see
/// [`DataLoader::new`]).
pub fn get_dataloader(base: &BaseConfig, training: &TrainingConfig) -> Result<DataLoader> {
    base.validate()?;
    if !base.dataset.is_images() {
        require_memory(base.dataset_size)?;
        let points = base.dataset.sample(base.dataset_size, base.seed)?;
        return DataLoader::new(to_tensor(&points), base, training);
    }
    let set = base.dataset.images()?;
    DataLoader::of_images(&set.load(base.dataset_size, base.seed)?, set.flips(), base, training)
}

impl DataLoader {
    /// A loader of your own data.
    ///
    /// # Shapes
    /// `data`: `[N, D]` points or `[N, C, H, W]` images, in about `[-1, 1]`; converted to f32 and moved to the device.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape or no samples, [`Error::DataNotFinite`] for NaN or infinity.
    pub fn new(data: Tensor, base: &BaseConfig, training: &TrainingConfig) -> Result<Self> {
        training.validate()?;
        check_data(&data)?;
        Self::split(data.to_kind(Kind::Float), None, Vec::new(), false, base, training)
    }

    /// A loader of your own data with classes. `labels`: the class of each sample, an index into `classes`.
    ///
    /// # Shapes
    /// `data`: as in [`DataLoader::new`].
    ///
    /// # Errors
    /// As [`DataLoader::new`]; [`Error::Shape`] unless there is one label for each sample; [`Error::Config`] for an invalid
    /// label.
    pub fn labelled(
        data: Tensor,
        labels: &[usize],
        classes: &[&str],
        base: &BaseConfig,
        training: &TrainingConfig,
    ) -> Result<Self> {
        training.validate()?;
        check_data(&data)?;
        let labels = label_tensor(labels, data.size()[0], classes.len())?;
        let classes = classes.iter().map(|class| (*class).to_owned()).collect();
        Self::split(data.to_kind(Kind::Float), Some(labels), classes, false, base, training)
    }

    /// A loader of images in memory; with `flips`, half of the images of an epoch are mirrored.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are no images, or not one label per image; [`Error::Config`] for an invalid label.
    pub fn of_images(
        images: &LabelledImages,
        flips: bool,
        base: &BaseConfig,
        training: &TrainingConfig,
    ) -> Result<Self> {
        training.validate()?;
        let shape: Vec<i64> = images.pixels.shape().iter().map(|size| *size as i64).collect();
        if images.pixels.is_empty() {
            let expected = "[N, C, H, W], with at least one image".to_owned();
            return Err(Error::Shape { what: "images", expected, got: shape });
        }
        let labels = label_tensor(&images.labels, shape[0], images.classes.len())?;
        let pixels = images.pixels.as_standard_layout();
        let data = Tensor::f_from_data_size(pixels.as_slice().unwrap_or_default(), &shape, Kind::Uint8)?;
        let mut loader = Self::split(data, Some(labels), images.classes.clone(), flips, base, training)?;
        loader.remarks.splice(0..0, images.remarks.iter().cloned());
        Ok(loader)
    }

    /// Holds out the samples for the validation loss, chosen by the seed.
    fn split(
        data: Tensor,
        labels: Option<Tensor>,
        classes: Vec<String>,
        flips: bool,
        base: &BaseConfig,
        training: &TrainingConfig,
    ) -> Result<Self> {
        let samples = data.size()[0] as usize;
        let held_out = training.validation_samples.min(samples / 8);
        let device = base.compute.device.resolve()?;
        let (batch_size, seed) = (training.batch_size as i64, base.seed);
        let asked = training.validation_samples;
        let fewer = || format!("{held_out} samples are held out from training, not {asked}: at most an eighth of all");
        let remarks = (held_out < asked).then(fewer).into_iter().collect();
        let mut loader =
            Self { data, held_out: None, labels, held_out_labels: None, classes, remarks, flips, batch_size, seed };
        if held_out > 0 {
            let mut order: Vec<i64> = (0..samples as i64).collect();
            order.shuffle(&mut random::generator(random::derive(seed, Stream::HeldOut, 0)));
            let (out, rest) = order.split_at_mut(held_out);
            rest.sort_unstable();
            // The reader's own data may already be on a GPU.
            let select =
                |of: &Tensor, which: &[i64]| of.index_select(0, &Tensor::from_slice(which).to_device(of.device()));
            loader.held_out = Some(select(&loader.data, out).to_device(device));
            loader.data = select(&loader.data, rest);
            loader.held_out_labels = loader.labels.as_ref().map(|labels| select(labels, out).to_device(device));
            loader.labels = loader.labels.map(|labels| select(&labels, rest));
        }
        loader.data = loader.data.to_device(device);
        loader.labels = loader.labels.map(|labels| labels.to_device(device));
        Ok(loader)
    }

    /// The number of samples per epoch: those that are not held out.
    pub fn samples(&self) -> i64 {
        self.data.size()[0]
    }

    /// The number of batches per epoch.
    pub fn batches(&self) -> u64 {
        (self.samples() as u64).div_ceil(self.batch_size as u64)
    }

    /// The shape of one sample: `[D]` or `[C, H, W]`.
    pub fn sample_shape(&self) -> Vec<i64> {
        self.data.size()[1..].to_vec()
    }

    /// All samples as stored in memory, `[N, …]`.
    pub(crate) fn stored(&self) -> &Tensor {
        &self.data
    }

    /// The first `n` samples, or all if there are fewer, in their original order: `[n, …]` f32.
    pub fn first(&self, n: i64) -> Tensor {
        to_unit_range(&self.data.narrow(0, 0, n.clamp(1, self.samples())))
    }

    /// The samples that are held out from training, if any: `[V, …]` f32.
    pub fn held_out(&self) -> Option<Tensor> {
        self.held_out.as_ref().map(to_unit_range)
    }

    /// The classes of the [held-out samples](Self::held_out), `[V]` int64, if the data set has classes.
    pub fn held_out_labels(&self) -> Option<&Tensor> {
        self.held_out_labels.as_ref()
    }

    /// The samples that are held out from training with their classes, if any.
    pub fn held_out_batch(&self) -> Option<Batch> {
        let label = self.held_out_labels().map(Tensor::shallow_clone);
        self.held_out().map(|x0| Batch { x0, label })
    }

    /// The samples with these indices, `[n]` int64, as f32.
    pub(crate) fn select(&self, indices: &Tensor) -> Tensor {
        to_unit_range(&self.data.index_select(0, indices))
    }

    /// Whether training mirrors half of the images.
    pub(crate) fn flips(&self) -> bool {
        self.flips
    }

    /// The class of each sample, `[N]` int64, if the data set has classes.
    pub fn labels(&self) -> Option<&Tensor> {
        self.labels.as_ref()
    }

    /// The names of the classes, in the order of their labels; empty if there are none.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Remarks on the loading for the user: memory use, skipped files.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// The device of the data.
    pub fn device(&self) -> Device {
        self.data.device()
    }

    /// The batches of an epoch, with the classes of their samples if the data set has classes.
    pub fn epoch(&self, epoch: usize) -> impl Iterator<Item = Batch> + use<> {
        let mut order: Vec<i64> = (0..self.samples()).collect();
        order.shuffle(&mut random::generator(random::derive(self.seed, Stream::Order, epoch as u64)));
        let order = Tensor::from_slice(&order).to_device(self.device());
        // One gather for the whole epoch: a batch is then a view, which costs nothing.
        let shuffled = self.data.index_select(0, &order);
        let labels = self.labels.as_ref().map(|labels| labels.index_select(0, &order));
        let mirrored = self.flips.then(|| self.mirrored(epoch));
        let (samples, batch_size) = (self.samples(), self.batch_size);
        (0..samples).step_by(batch_size as usize).map(move |start| {
            let batch = |of: &Tensor| of.narrow(0, start, batch_size.min(samples - start));
            let mut x0 = to_unit_range(&batch(&shuffled));
            if let Some(mirrored) = &mirrored {
                x0 = x0.flip([-1]).where_self(&batch(mirrored), &x0);
            }
            Batch { x0, label: labels.as_ref().map(&batch) }
        })
    }

    /// Which samples of an epoch are mirrored, `[N, 1, 1, 1]`.
    fn mirrored(&self, epoch: usize) -> Tensor {
        let mut rng = random::generator(random::derive(self.seed, Stream::Flips, epoch as u64));
        let coins: Vec<bool> = (0..self.samples()).map(|_| rng.random()).collect();
        Tensor::from_slice(&coins).view([-1, 1, 1, 1]).to_device(self.device())
    }
}

/// Rejects tensors that are not data.
fn check_data(data: &Tensor) -> Result<()> {
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
    Ok(())
}

/// The class of each of `n` samples, `[N]` int64.
fn label_tensor(labels: &[usize], n: i64, classes: usize) -> Result<Tensor> {
    if labels.len() as i64 != n {
        return Err(Error::Shape {
            what: "labels",
            expected: format!("[{n}], one per sample"),
            got: vec![labels.len() as i64],
        });
    }
    if let Some((i, label)) = labels.iter().enumerate().find(|(_, label)| **label >= classes) {
        let expected = format!("an index of one of the {classes} classes");
        return Err(Error::config("labels", expected, format!("{label} for sample {i}")));
    }
    Ok(Tensor::from_slice(&labels.iter().map(|label| *label as i64).collect::<Vec<i64>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loader(samples: usize, batch_size: usize) -> DataLoader {
        let base = BaseConfig {
            dataset_size: samples,
            compute: crate::device::DeviceChoice::Cpu.into(),
            ..Default::default()
        };
        get_dataloader(&base, &TrainingConfig { batch_size, ..Default::default() }).unwrap()
    }

    #[test]
    fn an_epoch_contains_every_sample_once_in_its_own_order() {
        let loader = loader(1000, 64);
        let all = |epoch| Tensor::cat(&loader.epoch(epoch).map(|batch| batch.x0).collect::<Vec<_>>(), 0);
        let sorted = |x: &Tensor| x.select(1, 0).sort(0, false).0;
        assert_eq!(loader.batches(), 16);
        assert_eq!(loader.epoch(1).map(|batch| batch.x0.size()[0]).collect::<Vec<_>>()[14..], [64, 40]);
        assert_eq!(sorted(&all(1)), sorted(&loader.first(1000)));
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
    }

    #[test]
    fn invalid_data_is_reported() {
        let (base, training) = (BaseConfig::default(), TrainingConfig::default());
        let data = Tensor::from_slice(&[0.0_f32, 1.0, f32::NAN, 0.0, f32::INFINITY, 1.0]).view([3, 2]);
        let message = DataLoader::new(data, &base, &training).unwrap_err().to_string();
        assert!(message.contains("2 of 6") && message.contains("row 1"), "{message}");
        assert!(DataLoader::new(Tensor::zeros([3], tch::kind::FLOAT_CPU), &base, &training).is_err());
        assert!(DataLoader::new(Tensor::zeros([0, 2], tch::kind::FLOAT_CPU), &base, &training).is_err());
    }
}
