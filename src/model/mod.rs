//! `Model`: a network, what its output means, and how it is sampled from.

mod denoiser;
mod predict;

use tch::{Device, Kind, Tensor, nn};

pub use denoiser::ModelDenoiser;
pub use predict::predict;

use crate::denoisers::Denoised;
use crate::error::{Error, Result};
use crate::networks::{Given, Network, check_fits};
use crate::parameterizations::{Eps, Parameterization};
use crate::process::{Level, Process};
use crate::samplers::SamplingConfig;

/// A network with its parameterization: what is trained and sampled from.
///
/// [`get_model`](crate::config::get_model) builds one from configurations, [`Model::new`] from your own network.
pub struct Model {
    network: Box<dyn Network>,
    parameterization: Box<dyn Parameterization>,
    sampling: SamplingConfig,
    classes: i64,
    condition_dropout: f64,
}

/// The share of labels that training usually replaces by the null token. Ho & Salimans 2022, section 4, with 0.1 and 0.2.
pub(crate) const CONDITION_DROPOUT: f64 = 0.1;

impl Model {
    /// A model of this network that predicts the noise, takes no labels, and uses Algorithm 2 for sampling.
    pub fn new(network: impl Network + 'static) -> Self {
        Self::boxed(Box::new(network))
    }

    /// As [`Model::new`].
    pub fn boxed(network: Box<dyn Network>) -> Self {
        let sampling = SamplingConfig::default();
        Self { network, parameterization: Box::new(Eps), sampling, classes: 0, condition_dropout: CONDITION_DROPOUT }
    }

    /// The same model with another parameterization.
    #[must_use]
    pub fn with_parameterization(self, parameterization: Box<dyn Parameterization>) -> Self {
        Self { parameterization, ..self }
    }

    /// The same model with another sampling configuration.
    #[must_use]
    pub fn with_sampling(self, sampling: SamplingConfig) -> Self {
        Self { sampling, ..self }
    }

    /// The same model, whose network can be conditioned on `classes` classes with [`Given::label`].
    #[must_use]
    pub fn with_classes(self, classes: i64) -> Self {
        Self { classes, ..self }
    }

    /// The same model, in whose training this share of the labels is replaced by the null token, which stands for no class; 0.1 unless
    /// set. With 0 it never learns the null token, and can only be sampled from with labels, without guidance.
    #[must_use]
    pub fn with_condition_dropout(self, condition_dropout: f64) -> Self {
        Self { condition_dropout, ..self }
    }

    /// What its output means.
    pub fn parameterization(&self) -> &dyn Parameterization {
        &*self.parameterization
    }

    /// How it is sampled from.
    pub fn sampling(&self) -> &SamplingConfig {
        &self.sampling
    }

    /// The number of classes that its network can be conditioned on; 0 if it takes no labels.
    pub fn classes(&self) -> i64 {
        self.classes
    }

    /// The share of labels that its training replaces by the null token.
    pub fn condition_dropout(&self) -> f64 {
        self.condition_dropout
    }

    /// Rejects a model with classes that has not learned to do without.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with how to train one.
    pub fn require_null_token(&self) -> Result<()> {
        if self.classes == 0 || self.condition_dropout > 0.0 {
            return Ok(());
        }
        Err(Error::Unsupported(
            "this model was trained with a label for every sample (condition_dropout is 0), so it cannot be sampled from without labels, and not \
             guided away from samples of any class: give a label and no guidance, or train a model with a condition_dropout of 0.1 to 0.2"
                .to_owned(),
        ))
    }

    /// The device that its weights are on.
    pub fn device(&self) -> Device {
        self.network.var_store().device()
    }

    /// The output of the network for `x_t`, in the precision of `x_t`.
    ///
    /// # Shapes
    /// `x_t`: `[N, …]`, f32 or f64; `level`: the level of `x_t`. Returns a tensor shaped like `x_t`, its channels multiplied
    /// by the [outputs](Parameterization::outputs) of the parameterization.
    ///
    /// # Errors
    /// [`Error::Shape`] if the output does not have that shape, or an optional input does not have one entry per sample.
    pub fn output(&self, x_t: &Tensor, level: &Level, given: &Given) -> Result<Tensor> {
        given.check_samples(x_t.size()[0])?;
        let input = self.parameterization.input(x_t, level).to_kind(Kind::Float);
        let output = self.network.forward(&input, &self.parameterization.time(level), given);
        let mut shape = x_t.size();
        shape[1] *= self.parameterization.outputs();
        if output.size() == shape {
            return Ok(output.to_kind(x_t.kind()));
        }
        // Another shape would be broadcast silently.
        let whose = if shape == x_t.size() { "that of x_t" } else { "as the parameterization requires" };
        let expected = format!("{shape:?}, {whose}");
        Err(Error::Shape { what: "the network's prediction", expected, got: output.size() })
    }

    /// The part of the output that training compares with the [target](Parameterization::target).
    ///
    /// # Shapes
    /// `x_t`: `[N, …]`, f32 or f64; `level`: the level of `x_t`.
    ///
    /// # Errors
    /// See [`Model::output`].
    pub fn compared_output(&self, x_t: &Tensor, level: &Level, given: &Given) -> Result<Tensor> {
        Ok(self.parameterization.compared(&self.output(x_t, level, given)?, x_t, level))
    }

    /// The data and the noise that the network predicts from `x_t`, with a separate time for each sample.
    ///
    /// # Shapes
    /// `x_t`: `[N, …]`, f32 or f64; `t`: `[N]`, int64 or floating-point.
    ///
    /// # Errors
    /// Those of [`Model::output`]; [`Error::Timestep`] for a time outside the process.
    pub fn denoise_each(&self, process: &dyn Process, x_t: &Tensor, t: &Tensor, given: &Given) -> Result<Denoised> {
        let level = Level::of_each(process, t, x_t)?;
        let output = self.output(x_t, &level, given)?;
        Ok(self.parameterization.read(&output, x_t, &level))
    }

    /// This model as a denoiser of the process that it was trained on.
    pub fn denoiser<'a>(&'a self, process: &'a dyn Process) -> ModelDenoiser<'a> {
        ModelDenoiser::new(self, process, Given::default())
    }

    /// As [`Model::denoiser`], with optional inputs for the network.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for labels if the model takes none; [`Error::Config`] for an invalid label.
    pub fn denoiser_given<'a>(&'a self, process: &'a dyn Process, given: Given) -> Result<ModelDenoiser<'a>> {
        if let Some(label) = &given.label {
            self.check_labels(label)?;
        }
        Ok(ModelDenoiser::new(self, process, given.to_device(self.device())))
    }

    /// On a GPU, a label outside the table would kill the process.
    fn check_labels(&self, label: &Tensor) -> Result<()> {
        if self.classes == 0 {
            let problem = "this model takes no labels: `classes` in the configuration of its network is 0";
            return Err(Error::Unsupported(problem.to_owned()));
        }
        if label.dim() != 1 || label.numel() == 0 || label.kind() != Kind::Int64 {
            let got = format!("{:?} of shape {:?}", label.kind(), label.size());
            return Err(Error::config("labels", "one int64 a sample, [N]", got));
        }
        let (least, most) = (label.min().int64_value(&[]), label.max().int64_value(&[]));
        if least < 0 || most > self.classes {
            let expected = format!("0 to {}, or {}, the null token", self.classes - 1, self.classes);
            return Err(Error::config("labels", expected, if least < 0 { least } else { most }));
        }
        if most == self.classes {
            self.require_null_token()?;
        }
        Ok(())
    }
}

/// The bare network, without the parameterization.
impl Network for Model {
    fn forward(&self, x_t: &Tensor, t: &Tensor, given: &Given) -> Tensor {
        self.network.forward(x_t, t, given)
    }

    fn sample_shape(&self) -> Vec<i64> {
        self.network.sample_shape()
    }

    fn var_store(&self) -> &nn::VarStore {
        self.network.var_store()
    }
}

/// Rejects samples that do not fit the model.
pub(crate) fn check_samples(model: &Model, what: &'static str, samples: &Tensor) -> Result<()> {
    check_fits(model, what, samples)?;
    if matches!(samples.kind(), Kind::Float | Kind::Double) {
        return Ok(());
    }
    Err(Error::Unsupported(format!("{what}: expected f32 or f64, got {:?}; convert them with to_kind", samples.kind())))
}
