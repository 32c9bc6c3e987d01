//! `FlowerFeatures`: the small network that comes with the project, trained to tell its painted flowers apart.

use std::collections::HashMap;
use std::path::Path;

use safetensors::SafeTensors;
use tch::{Device, Kind, Tensor};

use super::batches::Sight;
use super::{FeatureNetwork, Look};
use crate::error::{Error, Result};
use crate::tensor_file::{self, StorageKind, Stored};

/// The weights, which are in every program that is built with this crate: README.md beside the file says how they were made.
const SHIPPED: &[u8] = include_bytes!("flower_features.safetensors");

/// Height and width of the images that it takes.
const SIZE: i64 = 32;
const BATCH: i64 = 256;
/// Channels that a layer of 3 x 3 makes, and its stride.
const LAYERS: [(i64, i64); 5] = [(24, 1), (32, 2), (48, 2), (64, 1), (64, 1)];
/// The layer whose means, of colours and edges, are features beside those of the last.
const EARLY: usize = 1;
const WIDTH: i64 = LAYERS[EARLY].0 + LAYERS[LAYERS.len() - 1].0;
const KINDS: i64 = 5;

/// Five layers of convolutions on 32 x 32 pixels, whose means over the image are the features: 96 numbers. Each is scaled to a variance
/// of 1 over painted flowers. The classes are the five kinds.
///
/// Distances on these features are the project's own: they compare its samples with each other, and with nothing published. Never call
/// one FID: it is a *Fréchet distance on the features of the project's own small network*.
pub struct FlowerFeatures {
    layers: Vec<Layer>,
    kinds: Layer,
    /// What each feature is multiplied by, `[F]`.
    scale: Tensor,
    sight: Sight,
}

struct Layer {
    name: String,
    weight: Tensor,
    bias: Tensor,
    stride: i64,
}

impl FlowerFeatures {
    /// The network with the weights that come with the project.
    ///
    /// # Errors
    /// [`Error::Torch`] where the device cannot hold them.
    pub fn shipped(device: Device) -> Result<Self> {
        let broken =
            |problem: String| Error::Unsupported(format!("the weights of the project's own network: {problem}"));
        let file = SafeTensors::deserialize(SHIPPED).map_err(|error| broken(error.to_string()))?;
        Self::new(device, |name, shape| {
            let view = file.tensor(name).map_err(|error| broken(error.to_string()))?;
            match tensor_file::to_tensor(&view)? {
                Some(tensor) if tensor.size() == shape => Ok(tensor.to_device(device).to_kind(Kind::Float)),
                _ => Err(broken(format!("{name} should have shape {shape:?}"))),
            }
        })
    }

    /// The network with what `source` gives for each name and shape.
    pub(super) fn new(device: Device, mut source: impl FnMut(&str, &[i64]) -> Result<Tensor>) -> Result<Self> {
        let mut layer = |name: String, shape: &[i64], stride| -> Result<Layer> {
            let weight = source(&format!("{name}.weight"), shape)?;
            let bias = source(&format!("{name}.bias"), &shape[..1])?;
            Ok(Layer { name, weight, bias, stride })
        };
        let mut layers = Vec::new();
        let mut inputs = 3;
        for (i, (outputs, stride)) in LAYERS.into_iter().enumerate() {
            layers.push(layer(format!("conv{}", i + 1), &[outputs, inputs, 3, 3], stride)?);
            inputs = outputs;
        }
        let kinds = layer("kinds".to_owned(), &[KINDS, WIDTH], 1)?;
        let scale = source("scale", &[WIDTH])?;
        let sight = Sight { size: SIZE, batch: BATCH, device, antialias: true };
        Ok(Self { layers, kinds, scale, sight })
    }

    /// The means of the early and of the last layer, unscaled: `[n, 3, 32, 32]` to `[n, F]`.
    pub(super) fn means(&self, x: &Tensor) -> Tensor {
        let mean = |x: &Tensor| x.mean_dim([2, 3].as_slice(), false, Kind::Float);
        let (mut x, mut early) = (x.shallow_clone(), None);
        for (i, layer) in self.layers.iter().enumerate() {
            x = x.conv2d(&layer.weight, Some(&layer.bias), [layer.stride; 2], [1, 1], [1, 1], 1).leaky_relu();
            early = early.or_else(|| (i == EARLY).then(|| mean(&x)));
        }
        Tensor::cat(&early.into_iter().chain([mean(&x)]).collect::<Vec<_>>(), 1)
    }

    /// `[n, F]`, unscaled, to a logit for each kind: `[n, 5]`.
    pub(super) fn logits(&self, means: &Tensor) -> Tensor {
        means.linear(&self.kinds.weight, Some(&self.kinds.bias))
    }

    /// Scales each feature to a variance of 1 over these images; one that never changes there becomes 0.
    pub(super) fn scale_to(&mut self, images: &Tensor) -> Result<()> {
        let means = self.sight.look(images, |x| self.means(x))?;
        let deviation = means.std_dim([0].as_slice(), true, false);
        let changes = deviation.gt(1e-4);
        self.scale = deviation.clamp_min(1e-4).reciprocal() * changes;
        Ok(())
    }

    /// Writes the weights in 16 bits.
    ///
    /// # Errors
    /// [`Error::Write`] where the file cannot be written.
    pub fn save(&self, file: &Path) -> Result<()> {
        let mut tensors = vec![Stored::new("scale", &self.scale, StorageKind::F16)?];
        for layer in self.layers.iter().chain([&self.kinds]) {
            for (part, tensor) in [("weight", &layer.weight), ("bias", &layer.bias)] {
                tensors.push(Stored::new(format!("{}.{part}", layer.name), tensor, StorageKind::F16)?);
            }
        }
        tensor_file::write(file, &tensors, HashMap::new())
    }
}

impl FeatureNetwork for FlowerFeatures {
    fn what(&self) -> &'static str {
        "the project's own small network"
    }

    fn width(&self) -> i64 {
        WIDTH
    }

    fn classes(&self) -> i64 {
        KINDS
    }

    fn device(&self) -> Device {
        self.sight.device
    }

    fn look(&self, images: &Tensor) -> Result<Look> {
        let both = self.sight.look(images, |x| {
            let means = self.means(x);
            Tensor::cat(&[&means * &self.scale, self.logits(&means).softmax(-1, Kind::Float)], 1)
        })?;
        Ok(Look::of(&both, WIDTH))
    }
}
