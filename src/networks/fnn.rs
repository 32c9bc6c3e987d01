//! `Fnn`: the small network that learns the noise in 2-D points, in under a minute on a laptop's CPU.

use std::iter;

use serde::{Deserialize, Serialize};
use tch::nn::{self, Module};
use tch::{Device, Tensor, no_grad_guard};

use super::class_embedding::ClassEmbedding;
use super::{Given, Network, NetworkSettings, TimeEmbedding};
use crate::catalogue::is_default;
use crate::error::{Result, require};
use crate::precision::Precision;
use crate::process::is_shared;
use crate::threads::by_parts;

/// The configuration of the small network for points: linear layers with ReLU between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FnnConfig {
    /// `D`, the coordinates of a point.
    pub input_width: i64,
    /// Width of the time embedding; even, at least 4.
    pub time_embedding: i64,
    /// Widths of the hidden layers, in order.
    pub hidden_widths: Vec<i64>,
    /// The number of classes that it can be conditioned on; 0 for no labels.
    #[serde(skip_serializing_if = "is_default")]
    pub classes: i64,
}

impl Default for FnnConfig {
    fn default() -> Self {
        Self { input_width: 2, time_embedding: 16, hidden_widths: vec![128, 128, 128], classes: 0 }
    }
}

impl NetworkSettings for FnnConfig {
    fn validate(&self) -> Result<()> {
        const WIDEST: i64 = 1 << 16;
        require((1..=WIDEST).contains(&self.input_width), "FnnConfig.input_width", "1 to 65536", self.input_width)?;
        let even = self.time_embedding % 2 == 0 && (4..=WIDEST).contains(&self.time_embedding);
        require(even, "FnnConfig.time_embedding", "an even number from 4 to 65536", self.time_embedding)?;
        let widths = &self.hidden_widths;
        let possible = !widths.is_empty() && widths.len() <= 64 && widths.iter().all(|w| (1..=WIDEST).contains(w));
        require(possible, "FnnConfig.hidden_widths", "1 to 64 widths, each 1 to 65536", format!("{widths:?}"))?;
        require((0..=WIDEST).contains(&self.classes), "FnnConfig.classes", "0 to 65536", self.classes)
    }

    fn build(&self, outputs: i64, _precision: Precision, device: Device) -> Result<Box<dyn Network>> {
        Ok(Box::new(Fnn::with_outputs(self, outputs, device)?))
    }

    fn classes(&self) -> i64 {
        self.classes
    }

    fn sample_shape(&self) -> (&'static str, Vec<i64>) {
        ("FnnConfig.input_width", vec![self.input_width])
    }

    fn largest_layer(&self) -> i64 {
        self.hidden_widths.windows(2).map(|pair| pair[0] * pair[1]).max().unwrap_or(0)
    }

    fn fit(&mut self, sample_shape: &[i64]) -> bool {
        let [width] = *sample_shape else { return false };
        self.input_width = width;
        true
    }
}

/// A feed-forward network `eps_theta(x_t, t)`: the point and the embedded timestep side by side, through linear layers
/// with ReLU between them. Parameters are named `fc1.weight`, `fc1.bias`, …
#[derive(Debug)]
pub struct Fnn {
    vs: nn::VarStore,
    time_embedding: TimeEmbedding,
    class_embedding: Option<ClassEmbedding>,
    layers: Vec<nn::Linear>,
    input_width: i64,
}

impl Fnn {
    /// A network with fresh weights from libtorch's generator (see [`tch::manual_seed`]).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for invalid sizes.
    pub fn new(config: &FnnConfig, device: Device) -> Result<Self> {
        Self::with_outputs(config, 1, device)
    }

    /// As `new`, with `outputs` numbers for each one of `x_t`, for a parameterization that needs more than one.
    ///
    /// # Errors
    /// As there.
    pub fn with_outputs(config: &FnnConfig, outputs: i64, device: Device) -> Result<Self> {
        config.validate()?;
        let vs = nn::VarStore::new(device);
        let mut widths = vec![config.input_width + config.time_embedding];
        widths.extend(&config.hidden_widths);
        widths.push(config.input_width * outputs);
        let layer = |(i, pair): (usize, &[i64])| {
            // Weights within 1 / sqrt(inputs), as in PyTorch; the range of tch's default is wider by sqrt(6).
            let bound = 1.0 / (pair[0] as f64).sqrt();
            let config =
                nn::LinearConfig { ws_init: nn::Init::Uniform { lo: -bound, up: bound }, ..Default::default() };
            nn::linear(vs.root() / format!("fc{}", i + 1), pair[0], pair[1], config)
        };
        let layers = widths.windows(2).enumerate().map(layer).collect();
        let time_embedding = TimeEmbedding::new(config.time_embedding, device);
        let class_embedding = ClassEmbedding::new(vs.root(), config.classes, config.time_embedding);
        Ok(Self { vs, time_embedding, class_embedding, layers, input_width: config.input_width })
    }

    /// The embeddings of time and class, `[N, E]`.
    fn embedded(&self, t: &Tensor, label: Option<&Tensor>) -> Tensor {
        let time = self.time_embedding.forward(t);
        self.class_embedding.as_ref().map_or(time.shallow_clone(), |classes| time + classes.forward(label))
    }

    /// As `forward`, if all points have the same time, and without gradients: all points share one embedding, so its
    /// contribution to the first layer is computed once, as part of the bias.
    fn at_one_time(&self, x_t: &Tensor, t: &Tensor) -> Tensor {
        let _no_grad = no_grad_guard();
        let time = self.embedded(&t.narrow(0, 0, 1), None);
        let first = &self.layers[0];
        let weights = first.ws.split_with_sizes([self.input_width, time.size()[1]], 1);
        let bias = time.linear(&weights[1], first.bs.as_ref()).squeeze_dim(0);
        let layers = || {
            let others = self.layers[1..].iter().map(|layer| (&layer.ws, layer.bs.as_ref()));
            let all = iter::once((&weights[0], Some(&bias))).chain(others);
            all.map(|(ws, bs)| nn::Linear { ws: ws.shallow_clone(), bs: bs.map(Tensor::shallow_clone) }).collect()
        };
        by_parts(x_t, layers, |x_t, layers: Vec<nn::Linear>| through_layers(&layers, x_t))
    }

    /// Whether the result needs a gradient. Anything computed from a weight has one, unless gradients are switched off.
    /// (A mere view of a weight claims to have one even then.)
    fn has_gradient(&self, x_t: &Tensor) -> bool {
        let weights = self.layers.iter().rev().flat_map(|layer| layer.bs.iter().chain([&layer.ws]));
        let learned = weights.into_iter().find(|weight| weight.requires_grad());
        x_t.requires_grad() || learned.is_some_and(|weight| weight.neg().requires_grad())
    }
}

impl Network for Fnn {
    fn forward(&self, x_t: &Tensor, t: &Tensor, given: &Given) -> Tensor {
        if is_shared(t) && given.label.is_none() && !given.training && !self.has_gradient(x_t) {
            return self.at_one_time(x_t, t);
        }
        let h = Tensor::cat(&[x_t, &self.embedded(t, given.label.as_ref())], 1);
        through_layers(&self.layers, h)
    }

    fn sample_shape(&self) -> Vec<i64> {
        vec![self.input_width]
    }

    fn var_store(&self) -> &nn::VarStore {
        &self.vs
    }
}

/// Linear layers with ReLU between them.
fn through_layers(layers: &[nn::Linear], mut h: Tensor) -> Tensor {
    for (i, layer) in layers.iter().enumerate() {
        if i > 0 {
            h = h.relu_();
        }
        h = layer.forward(&h);
    }
    h
}

#[cfg(test)]
mod tests {
    use tch::{Kind, no_grad};

    use super::*;

    /// With a single part, and with several, of which the last is shorter.
    #[test]
    fn one_time_for_all_points_gives_the_same_result_as_a_time_for_each() {
        for classes in [0, 3] {
            let config = FnnConfig { input_width: 3, hidden_widths: vec![32, 16], classes, ..Default::default() };
            let model = Fnn::new(&config, Device::Cpu).unwrap();
            for n in [1, 300, 5001] {
                let x_t = Tensor::randn([n, 3], (Kind::Float, Device::Cpu));
                let shared = Tensor::from_slice(&[7_i64]).expand([n], false);
                let of = |t: &Tensor, given: &Given| no_grad(|| model.forward(&x_t, t, given));
                let (one, each) = (of(&shared, &Given::default()), of(&shared.contiguous(), &Given::default()));
                assert!(!one.requires_grad() && one.size() == x_t.size());
                assert!((&one - each).abs().max().double_value(&[]) < 1e-6, "{n} points");
                if classes > 0 {
                    let null = Tensor::full([n], classes, (Kind::Int64, Device::Cpu));
                    assert!(
                        (&one - of(&shared, &Given::label(null))).abs().max().double_value(&[]) < 1e-6,
                        "null token"
                    );
                    let second = of(&shared, &Given::label(Tensor::ones([n], (Kind::Int64, Device::Cpu))));
                    assert!((&one - second).abs().max().double_value(&[]) > 1e-3, "a class has its own embedding");
                }
            }
        }
    }

    #[test]
    fn gradients_are_kept_where_they_are_needed() {
        let model = Fnn::new(&FnnConfig::default(), Device::Cpu).unwrap();
        let x_t = Tensor::randn([300, 2], (Kind::Float, Device::Cpu));
        let shared = Tensor::from_slice(&[7_i64]).expand([300], false);
        let given = Given::default();
        assert!(model.forward(&x_t, &shared, &given).requires_grad(), "of the weights");
        assert!(model.has_gradient(&x_t) && !no_grad(|| model.has_gradient(&x_t)), "the shortcut is for sampling");
        assert!(!no_grad(|| model.forward(&x_t, &shared, &given)).requires_grad());
        let mut vs = model.vs;
        vs.freeze();
        let model = Fnn { vs, ..model };
        assert!(!model.forward(&x_t, &shared, &given).requires_grad());
        assert!(model.forward(&x_t.set_requires_grad(true), &shared, &given).requires_grad(), "of x_t");
    }
}
