//! Trains the project's own network to recognize the kinds of painted flowers, and what was done to each picture.

use std::f64::consts::PI;

use rand::seq::SliceRandom;
use tch::nn::{Init, VarStore};
use tch::{Device, Kind, Reduction, Tensor};

use super::FeatureNetwork;
use super::alterations::{ALTERATIONS, alter};
use super::flower_features::FlowerFeatures;
use crate::datasets::{ImageSet, PaintedFlowers};
use crate::error::{Error, Result, require};
use crate::pixels::to_unit_range;
use crate::random::{self, Stream};
use crate::threads::Threads;
use crate::training::AdamW;

/// How to train [`FlowerFeatures`]. The defaults are those of the weights that come with the project.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowerTraining {
    /// How many flowers to paint.
    pub paintings: usize,
    /// How many more, from another seed, to hold out for measuring the accuracy.
    pub held_out: usize,
    /// How many times each is seen, altered differently each time.
    pub epochs: usize,
    /// Pictures per step.
    pub batch_size: usize,
    /// The initial learning rate; it falls to 0 along a cosine.
    pub learning_rate: f64,
    /// The seed of the paintings, the weights, the order and the alterations.
    pub seed: u64,
}

impl Default for FlowerTraining {
    fn default() -> Self {
        Self { paintings: 8_192, held_out: 2_000, epochs: 10, batch_size: 128, learning_rate: 2e-3, seed: 0 }
    }
}

/// The results of an epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowerTrainingReport {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Cross-entropy of the kinds, on altered pictures.
    pub kinds: f64,
    /// Mean squared error of the predicted alterations; always predicting their mean would give 0.28.
    pub alterations: f64,
    /// The accuracy on unaltered held-out pictures.
    pub accuracy: f64,
}

/// Trains the network on the CPU and passes the report of each epoch to `observer`. Seeds libtorch's generator.
///
/// ```text
/// loss = cross-entropy of the kind  +  3 mean squared error of the alterations
/// ```
/// Without the second term the network would learn to ignore noise, blur and colours, to which a distance between sets
/// of images should respond. A linear layer on the features predicts the alterations; it is dropped at the end.
///
/// # Errors
/// [`Error::Config`] for no paintings, epochs or batches, [`Error::Torch`] if libtorch fails.
pub fn train_flower_features(
    training: &FlowerTraining,
    mut observer: impl FnMut(&FlowerTrainingReport),
) -> Result<FlowerFeatures> {
    require(training.batch_size >= 1, "FlowerTraining.batch_size", "at least 1", training.batch_size)?;
    require(training.epochs >= 1, "FlowerTraining.epochs", "at least 1", training.epochs)?;
    // Layers this small gain little from a second thread, and lose much on a busy machine, since libtorch's threads
    // spin while they wait.
    let _threads = Threads::one();
    let seed = training.seed;
    let (images, labels) = paint(training.paintings, seed)?;
    let (unseen, truth) = paint(training.held_out, random::derive(seed, Stream::HeldOut, 0))?;
    random::seed_libtorch(random::derive(seed, Stream::Weights, 0));
    let vs = VarStore::new(Device::Cpu);
    let mut network = FlowerFeatures::new(Device::Cpu, |name, shape| Ok(variable(&vs, name, shape)))?;
    let weight = variable(&vs, "alterations.weight", &[ALTERATIONS, network.width()]);
    let bias = variable(&vs, "alterations.bias", &[ALTERATIONS]);
    let mut optimizer = AdamW::new(&vs, 1e-4, Some(1.0))?;
    let batches = training.paintings.div_ceil(training.batch_size);
    let steps = (batches * training.epochs) as f64;
    for epoch in 1..=training.epochs {
        let mut order: Vec<i64> = (0..training.paintings as i64).collect();
        order.shuffle(&mut random::generator(random::derive(seed, Stream::Order, epoch as u64)));
        let mut sums = [0.0; 2];
        for batch in order.chunks(training.batch_size) {
            let step = optimizer.steps();
            let batch = Tensor::from_slice(batch);
            let altered = alter(&to_unit_range(&images.index_select(0, &batch)), seed, step);
            let means = network.means(&altered.images);
            let kinds = network.logits(&means).cross_entropy_for_logits(&labels.index_select(0, &batch));
            let error_of_alterations = means.linear(&weight, Some(&bias)).mse_loss(&altered.by, Reduction::Mean);
            let learning_rate = training.learning_rate * 0.5 * (1.0 + (PI * step as f64 / steps).cos());
            optimizer.backward_step(&(&kinds + &error_of_alterations * 3.0), learning_rate)?;
            sums[0] += kinds.double_value(&[]);
            sums[1] += error_of_alterations.double_value(&[]);
        }
        let [kinds, alterations] = sums.map(|sum| sum / batches as f64);
        let accuracy = accuracy(&network, &unseen, &truth)?;
        observer(&FlowerTrainingReport { epoch, kinds, alterations, accuracy });
    }
    network.scale_to(&images)?;
    Ok(network)
}

/// The initial value of a parameter: weights before a ReLU as in He et al. 2015, biases 0. The scale is not trained.
fn variable(vs: &VarStore, name: &str, shape: &[i64]) -> Tensor {
    let inputs: i64 = shape[1..].iter().product();
    match name.rsplit_once('.') {
        Some((layer, "weight")) => {
            let bound = (6.0 / inputs as f64).sqrt();
            (vs.root() / layer).var("weight", shape, Init::Uniform { lo: -bound, up: bound })
        }
        Some((layer, part)) => (vs.root() / layer).var(part, shape, Init::Const(0.0)),
        None => Tensor::ones(shape, (Kind::Float, vs.device())),
    }
}

/// Paintings as bytes, `[n, 3, 32, 32]`, and their kinds, `[n]`.
fn paint(n: usize, seed: u64) -> Result<(Tensor, Tensor)> {
    let painted = PaintedFlowers { count: n, ..Default::default() }.load(n, seed)?;
    let shape: Vec<i64> = painted.pixels.shape().iter().map(|size| *size as i64).collect();
    let wrong = || Error::Unsupported("the paintings are not contiguous in memory".to_owned());
    let pixels = painted.pixels.as_slice().ok_or_else(wrong)?;
    let labels: Vec<i64> = painted.labels.iter().map(|label| *label as i64).collect();
    Ok((Tensor::f_from_data_size(pixels, &shape, Kind::Uint8)?, Tensor::from_slice(&labels)))
}

/// The share of images whose label is the most probable class.
fn accuracy(network: &FlowerFeatures, images: &Tensor, labels: &Tensor) -> Result<f64> {
    let predicted = network.extract(images)?.probabilities.argmax(-1, false);
    Ok(predicted.eq_tensor(labels).to_kind(Kind::Double).mean(Kind::Double).double_value(&[]))
}
