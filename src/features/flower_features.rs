//! `FlowerFeatures`: the small network that comes with the project, trained to distinguish its painted flowers.

use std::collections::HashMap;
use std::path::Path;

use safetensors::SafeTensors;
use tch::{Device, Kind, Tensor};

use super::batches::ImageBatches;
use super::{ExtractedFeatures, FeatureNetwork};
use crate::error::{Error, Result};
use crate::tensor_file::{self, StorageKind, Stored};

/// The weights, compiled into every program that uses this crate; the README.md next to the file says how they were
/// made.
const SHIPPED: &[u8] = include_bytes!("flower_features.safetensors");

/// Height and width of its input.
const SIZE: i64 = 32;
const BATCH: i64 = 256;
/// Output channels and stride of each 3 x 3 layer.
const LAYERS: [(i64, i64); 5] = [(24, 1), (32, 2), (48, 2), (64, 1), (64, 1)];
/// The early layer, of colours and edges, whose means are features in addition to those of the last.
const EARLY: usize = 1;
const WIDTH: i64 = LAYERS[EARLY].0 + LAYERS[LAYERS.len() - 1].0;
const KINDS: i64 = 5;

/// Five layers of convolutions on 32 x 32 pixels. The features are means over the image: 96 numbers, each scaled to a
/// variance of 1 over painted flowers. The classes are the five kinds of flowers.
///
/// Distances on these features compare the project's samples with each other, not with published figures. Do not call
/// one FID: it is a *Fréchet distance on the features of the project's own small network*.
pub struct FlowerFeatures {
    layers: Vec<Layer>,
    kinds: Layer,
    /// The factor of each feature, `[F]`.
    scale: Tensor,
    batches: ImageBatches,
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
    /// [`Error::Torch`] if they do not fit on the device.
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

    /// The network with the tensors that `source` returns for each name and shape.
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
        let batches = ImageBatches { size: SIZE, batch: BATCH, device, antialias: true };
        Ok(Self { layers, kinds, scale, batches })
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

    /// Scales each feature to a variance of 1 over these images; a feature that is constant there becomes 0.
    pub(super) fn scale_to(&mut self, images: &Tensor) -> Result<()> {
        let means = self.batches.map(images, |x| self.means(x))?;
        let deviation = means.std_dim([0].as_slice(), true, false);
        let changes = deviation.gt(1e-4);
        self.scale = deviation.clamp_min(1e-4).reciprocal() * changes;
        Ok(())
    }

    /// Writes the weights in 16 bits.
    ///
    /// # Errors
    /// [`Error::Write`] if the file cannot be written.
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
    fn description(&self) -> &'static str {
        "the project's own small network"
    }

    fn width(&self) -> i64 {
        WIDTH
    }

    fn classes(&self) -> i64 {
        KINDS
    }

    fn device(&self) -> Device {
        self.batches.device
    }

    fn extract(&self, images: &Tensor) -> Result<ExtractedFeatures> {
        let both = self.batches.map(images, |x| {
            let means = self.means(x);
            Tensor::cat(&[&means * &self.scale, self.logits(&means).softmax(-1, Kind::Float)], 1)
        })?;
        Ok(ExtractedFeatures::of(&both, WIDTH))
    }
}
