//! `DataNoise`: samples of another data set in place of noise.

use std::sync::{Arc, OnceLock};

use ndarray::{Array4, Axis};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::Noise;
use crate::datasets::Dataset;
use crate::error::{Error, Result};
use crate::pixels::to_unit_range;
use crate::points::to_tensor;
use crate::process::{ByCoordinate, Process, ProcessConfig};
use crate::random::generator;

/// Samples of another data set in place of noise, so that a [`Flow`](crate::process::Flow) leads from one data set to the other.
///
/// ```text
/// x_t = ( 1 - t ) x_0 + t x_1,   x_0 ~ data,   x_1 ~ the other data set
/// ```
/// Liu et al. 2023, section 2.1: their rectified flow goes from any distribution to any other. Neither its mean is 0, nor its variance 1, so only
/// samplers without fresh noise run, which are those that follow the velocity. They go from a sample of the other data set to one of the data,
/// and [back](crate::samplers::encode).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataNoise {
    /// The other data set: of points, or of images of the same shape as those of the data.
    pub dataset: Dataset,
    #[serde(skip)]
    images: Images,
}

/// The images, once they are loaded; clones share them.
#[derive(Debug, Clone, Default)]
struct Images(Arc<OnceLock<Array4<u8>>>);

/// What has been loaded is not a setting.
impl PartialEq for Images {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// The most images to draw from.
const MOST: usize = 100_000;

impl DataNoise {
    /// Samples of this data set.
    pub fn of(dataset: impl Into<Dataset>) -> Self {
        Self { dataset: dataset.into(), images: Images::default() }
    }

    fn check_shape(&self, like: &Tensor) -> Result<()> {
        let shape = self.dataset.shape();
        if like.dim() > 0 && like.size()[1..] == shape[..] {
            return Ok(());
        }
        let expected = format!("[N, …] of {shape:?}, as in {}", self.dataset.name());
        Err(Error::Shape { what: "samples to pair with another data set", expected, got: like.size() })
    }

    /// `n` of the images, half of them mirrored if the data set allows it.
    fn draw_images(&self, n: usize, seed: u64) -> Result<Tensor> {
        let set = self.dataset.images()?;
        let all = match self.images.0.get() {
            Some(all) => all,
            None => {
                let loaded = set.load(MOST, 0)?.pixels;
                self.images.0.get_or_init(|| loaded)
            }
        };
        let mut rng = generator(seed);
        let chosen: Vec<usize> = (0..n).map(|_| rng.random_range(0..all.len_of(Axis(0)))).collect();
        let shape: Vec<i64> = [&[n as i64][..], &self.dataset.shape()].concat();
        let pixels: Vec<u8> = all.select(Axis(0), &chosen).iter().copied().collect();
        let x = to_unit_range(&Tensor::f_from_data_size(&pixels, &shape, Kind::Uint8)?);
        if !set.flips() {
            return Ok(x);
        }
        let coins: Vec<bool> = (0..n).map(|_| rng.random()).collect();
        Ok(x.flip([-1]).where_self(&Tensor::from_slice(&coins).view([-1, 1, 1, 1]), &x))
    }
}

impl Noise for DataNoise {
    fn draw(&self, _process: &dyn Process, _t: &Tensor, like: &Tensor) -> Result<Tensor> {
        self.check_shape(like)?;
        let seed = Tensor::randint(i64::MAX, [1], (Kind::Int64, Device::Cpu)).int64_value(&[0]) as u64;
        let n = like.size()[0] as usize;
        let drawn = match self.dataset.is_images() {
            true => self.draw_images(n, seed)?,
            false => to_tensor(&self.dataset.sample(n, seed)?),
        };
        Ok(drawn.to_kind(like.kind()).to_device(like.device()))
    }

    /// Nothing differs between coordinates; only the shape is checked.
    fn by_coordinate(&self, _process: &dyn Process, _times: &[f64], x: &Tensor) -> Result<Option<ByCoordinate>> {
        self.check_shape(x).map(|()| None)
    }

    /// At its end, nothing may be left of the data, and the noise has to be that which is drawn.
    fn check_process(&self, process: &dyn Process) -> Result<()> {
        let end = process.end();
        if process.signal(end) == 0.0 && process.noise(end) == 1.0 {
            return Ok(());
        }
        let names = ProcessConfig::ENTRIES.iter().map(|entry| entry.name);
        let ends = |name: &&str| ProcessConfig::from_name(name).is_ok_and(|of| !of.properties().leaves_signal);
        Err(Error::Unsupported(format!(
            "the noise data needs a process that ends with it, and nothing else; these do: {}",
            names.filter(ends).collect::<Vec<_>>().join(", ")
        )))
    }

    fn validate(&self) -> Result<()> {
        if let Dataset::Own { label, .. } = &self.dataset {
            let expected = "a built-in data set, of which more can be drawn (for pairs of your own there is PairLearner)";
            return Err(Error::config("DataNoise.dataset", expected, label));
        }
        self.dataset.validate()
    }
}
