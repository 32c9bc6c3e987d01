//! `NoisyClassifier`: a small network that knows the class of a sample at any noise level.

use std::f64::consts::FRAC_PI_2;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, nn, no_grad_guard};

use super::network::Layers;
use crate::error::{Error, Result, require};
use crate::network_file::{read_network, write_network};
use crate::process::{Level, Process, require_gaussian};
use crate::random::{Draws, Stream};

const FORMAT: &str = "ddpm_tutor classifier 1";

/// Samples whose accuracy is computed at a time, which bounds the memory.
const PART: i64 = 256;

/// The sizes of a classifier, and what it tells apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoisyClassifierConfig {
    /// The shape of one sample: `[D]` or `[C, H, W]`.
    pub sample_shape: Vec<i64>,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The widths of the layers; for images multiples of 4.
    pub widths: Vec<i64>,
    /// Whether it has learned from samples at all noise levels; otherwise from clean ones only.
    pub is_noisy: bool,
}

impl NoisyClassifierConfig {
    /// The default sizes for samples of this shape and these classes, at all noise levels.
    pub fn new(sample_shape: &[i64], classes: &[String]) -> Self {
        let widths = if sample_shape.len() == 1 { vec![64, 64, 64] } else { vec![16, 32, 64, 64] };
        Self { sample_shape: sample_shape.to_vec(), classes: classes.to_vec(), widths, is_noisy: true }
    }

    /// Rejects invalid values.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first invalid field.
    pub fn validate(&self) -> Result<()> {
        let shape = &self.sample_shape;
        let possible = [1, 3].contains(&shape.len()) && shape.iter().all(|size| (1..=1 << 16).contains(size));
        require(possible, "NoisyClassifierConfig.sample_shape", "[D] or [C, H, W]", format!("{shape:?}"))?;
        let classes = self.classes.len();
        require((2..=65_536).contains(&classes), "NoisyClassifierConfig.classes", "2 to 65536", classes)?;
        let unit = if shape.len() == 3 { 4 } else { 1 };
        let fits = |width: &i64| (1..=4_096).contains(width) && width % unit == 0;
        let possible = (1..=16).contains(&self.widths.len()) && self.widths.iter().all(fits);
        let expected = "1 to 16 widths, each at most 4096, for images multiples of 4";
        require(possible, "NoisyClassifierConfig.widths", expected, format!("{:?}", self.widths))?;
        // What a damaged file asks for has to be bounded.
        let sizes: Vec<i64> = [&shape[..1], &self.widths, &[classes as i64]].concat();
        let weights: i64 = sizes.windows(2).map(|pair| pair[0] * pair[1] * if shape.len() == 3 { 9 } else { 1 }).sum();
        require(weights <= 1 << 24, "NoisyClassifierConfig.widths", "layers of at most 16777216 weights", weights)
    }
}

/// A network that predicts the class of `x_t`.
///
/// ```text
/// p(y | x_t) = softmax( f( x_t / sqrt( a^2 + s^2 ), angle ) ),   tan( angle ) = s / a
/// ```
/// It sees `x_t` at unit scale and the angle between signal and noise, not the time. So one classifier guides models of any process with Gaussian
/// noise, as `ln p(y | x_t)` depends on the process only through `s / a`.
#[derive(Debug)]
pub struct NoisyClassifier {
    config: NoisyClassifierConfig,
    vs: nn::VarStore,
    layers: Layers,
}

impl NoisyClassifier {
    /// A classifier with fresh weights from libtorch's generator (see [`tch::manual_seed`]).
    ///
    /// # Errors
    /// [`Error::Config`] for invalid sizes.
    pub fn new(config: &NoisyClassifierConfig, device: Device) -> Result<Self> {
        config.validate()?;
        let vs = nn::VarStore::new(device);
        let (shape, classes) = (&config.sample_shape, config.classes.len() as i64);
        let layers = Layers::new(&vs.root(), shape[0], shape.len() == 3, &config.widths, classes, device);
        Ok(Self { config: config.clone(), vs, layers })
    }

    /// Its sizes and its classes.
    pub fn config(&self) -> &NoisyClassifierConfig {
        &self.config
    }

    /// Its parameters.
    pub fn var_store(&self) -> &nn::VarStore {
        &self.vs
    }

    /// `ln p(y | x_t)` of each class, with gradients.
    ///
    /// # Shapes
    /// `x_t`: `[N, …]`. Returns `[N, K]`, in the type of `x_t`.
    ///
    /// # Errors
    /// [`Error::Shape`] for samples of another shape; [`Error::Unsupported`] for a process that is not Gaussian or whose coordinates differ, and for
    /// a classifier of clean data; [`Error::Timestep`] for a time outside the process.
    pub fn log_probabilities(&self, process: &dyn Process, x_t: &Tensor, t: f64) -> Result<Tensor> {
        self.check(x_t)?;
        require_gaussian(process, "a classifier")?;
        if !process.is_scalar() {
            let problem = "a classifier needs the same signal and noise in all coordinates";
            return Err(Error::Unsupported(problem.to_owned()));
        }
        if !self.config.is_noisy {
            let problem =
                "this classifier has never seen noise: guide with it through the predicted data, by PredictedGuided";
            return Err(Error::Unsupported(problem.to_owned()));
        }
        let _level = Level::at(process, t, x_t)?;
        let (a, s) = (process.signal(t), process.noise(t));
        let angle = Tensor::full([x_t.size()[0]], s.atan2(a), (Kind::Float, x_t.device()));
        Ok(self.at_angle(&(x_t / a.hypot(s)), &angle))
    }

    /// `ln p(y | x_t)` of the given class of each sample, `[N]`: the log probability that [`ClassifierGuided`](crate::guidance::ClassifierGuided)
    /// takes.
    ///
    /// # Shapes
    /// `x_t`: `[N, …]`; `labels`: `[N]` int64.
    ///
    /// # Errors
    /// As [`log_probabilities`](Self::log_probabilities); [`Error::Config`] for invalid labels.
    pub fn log_probability(&self, process: &dyn Process, x_t: &Tensor, t: f64, labels: &Tensor) -> Result<Tensor> {
        self.of_labels(&self.log_probabilities(process, x_t, t)?, labels)
    }

    /// `ln p(y | x_0)` of the given class of each clean sample, `[N]`, with gradients: what [`PredictedGuided`](crate::guidance::PredictedGuided)
    /// takes.
    ///
    /// # Shapes
    /// `x_0`: `[N, …]`; `labels`: `[N]` int64.
    ///
    /// # Errors
    /// [`Error::Shape`] for samples of another shape; [`Error::Config`] for invalid labels.
    pub fn log_probability_of_data(&self, x_0: &Tensor, labels: &Tensor) -> Result<Tensor> {
        self.check(x_0)?;
        let none = Tensor::zeros([x_0.size()[0]], (Kind::Float, x_0.device()));
        self.of_labels(&self.at_angle(x_0, &none), labels)
    }

    /// The share of samples whose class it finds, with noise of the standard deviation `sigma` added, always the same.
    ///
    /// # Shapes
    /// `x_0`: `[N, …]` f32; `labels`: `[N]` int64.
    ///
    /// # Errors
    /// [`Error::Shape`] for samples of another shape; [`Error::Config`] for invalid labels.
    pub fn accuracy(&self, x_0: &Tensor, labels: &Tensor, sigma: f64) -> Result<f64> {
        let _no_grad = no_grad_guard();
        self.check(x_0)?;
        let noise = Draws::new(0, Stream::Validation, 1).normal(&x_0.size(), x_0.device());
        self.check_labels(labels, x_0.size()[0])?;
        let x: Tensor = (x_0 + sigma * noise) / sigma.hypot(1.0);
        let found = |x: &Tensor| {
            let angle = Tensor::full([x.size()[0]], sigma.atan(), (Kind::Float, x.device()));
            self.at_angle(x, &angle).argmax(-1, false)
        };
        let found: Vec<Tensor> = x.split(PART, 0).iter().map(found).collect();
        let right = Tensor::cat(&found, 0).eq_tensor(&labels.to_device(x.device()));
        Ok(right.to_kind(Kind::Double).mean(Kind::Double).double_value(&[]))
    }

    /// Writes it into a file.
    ///
    /// # Errors
    /// [`Error::Write`] if the file cannot be written.
    pub fn save(&self, file: &Path) -> Result<()> {
        write_network(file, FORMAT, &self.config, &self.vs)
    }

    /// The classifier in a file that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Checkpoint`] for another file.
    pub fn read(file: &Path, device: Device) -> Result<Self> {
        read_network(file, FORMAT, |config| {
            let classifier = Self::new(config, device)?;
            let variables = classifier.vs.variables();
            Ok((classifier, variables))
        })
    }

    /// # Shapes
    /// `x`: `[N, …]`, at unit scale; `angle`: `[N]` f32. Returns `[N, K]` in the type of `x`.
    pub(super) fn at_angle(&self, x: &Tensor, angle: &Tensor) -> Tensor {
        // The frequencies of the embedding suit times up to 1000.
        let logits = self.layers.forward(&x.to_kind(Kind::Float), &(angle * (1000.0 / FRAC_PI_2)));
        logits.log_softmax(-1, Kind::Float).to_kind(x.kind())
    }

    pub(super) fn of_labels(&self, logs: &Tensor, labels: &Tensor) -> Result<Tensor> {
        self.check_labels(labels, logs.size()[0])?;
        Ok(logs.gather(1, &labels.to_device(logs.device()).unsqueeze(1), false).squeeze_dim(1))
    }

    fn check(&self, x: &Tensor) -> Result<()> {
        let shape = &self.config.sample_shape;
        if x.dim() == shape.len() + 1 && x.size()[1..] == shape[..] {
            return Ok(());
        }
        let expected = format!("[N, …] with samples of shape {shape:?}");
        Err(Error::Shape { what: "samples for this classifier", expected, got: x.size() })
    }

    fn check_labels(&self, labels: &Tensor, n: i64) -> Result<()> {
        let most = self.config.classes.len() as i64 - 1;
        let fits = labels.size() == [n] && labels.kind() == Kind::Int64 && n > 0;
        if fits && labels.min().int64_value(&[]) >= 0 && labels.max().int64_value(&[]) <= most {
            return Ok(());
        }
        let got = format!("{:?} of shape {:?}", labels.kind(), labels.size());
        Err(Error::config("labels", format!("[{n}] int64, each 0 to {most}"), got))
    }
}
