//! `AdversarialLearner`: score matching with a discriminator that judges the denoised samples.

use tch::nn::{self, Module};
use tch::{Device, Kind, Tensor};

use super::learner::{Learner, LearnerStep, ModelLearner};
use super::state::TrainingState;
use super::validation::validation_loss;
use crate::error::{Error, Result, require};
use crate::loader::DataLoader;
use crate::model::Model;
use crate::networks::Network;
use crate::objectives::{Batch, DenoisingScore, Loss, Noised, Objective, squared_error};
use crate::process::Process;

/// `D(x)`: linear layers with leaky ReLU between them, from a sample to one number, large for what looks like data.
#[derive(Debug)]
pub struct Discriminator {
    vs: nn::VarStore,
    layers: Vec<nn::Linear>,
    sample_shape: Vec<i64>,
}

/// The slope of the leaky ReLU below 0. Radford et al. 2016 (DCGAN), section 3.
const SLOPE: f64 = 0.2;

impl Discriminator {
    /// A discriminator of samples of this shape, with fresh weights from libtorch's generator.
    ///
    /// # Errors
    /// [`Error::Config`] for a width below 1.
    pub fn new(sample_shape: &[i64], hidden_widths: &[i64], device: Device) -> Result<Self> {
        let widths = [&[sample_shape.iter().product()], hidden_widths, &[1]].concat();
        require(
            widths.iter().all(|width| *width >= 1),
            "widths of a discriminator",
            "at least 1",
            format!("{widths:?}"),
        )?;
        let vs = nn::VarStore::new(device);
        let layer = |(i, pair): (usize, &[i64])| {
            nn::linear(vs.root() / format!("fc{}", i + 1), pair[0], pair[1], nn::LinearConfig::default())
        };
        let layers = widths.windows(2).enumerate().map(layer).collect();
        Ok(Self { vs, layers, sample_shape: sample_shape.to_vec() })
    }

    /// # Shapes
    /// `x`: `[N, …]` f32. Returns `[N]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let leaky = |h: Tensor| h.maximum(&(SLOPE * &h));
        let (first, others) = (self.layers[0].forward(&x.flatten(1, -1)), &self.layers[1..]);
        others.iter().fold(first, |h, layer| layer.forward(&leaky(h))).squeeze_dim(1)
    }

    /// Its parameters.
    pub fn var_store(&self) -> &nn::VarStore {
        &self.vs
    }
}

/// What the discriminator minimizes, for each pair of a real and a denoised sample: 1 for data, -1 for what is not.
///
/// ```text
/// ( D(x) - 1 )^2 + ( D(x_theta) + 1 )^2
/// ```
/// Mao et al. 2017 (LSGAN), section 3. The best discriminator between densities `p` and `q` is `( p - q ) / ( p + q )`.
///
/// # Shapes
/// `of_real` and `of_denoised`: `D` of the samples, `[N]`. Returns `[N]`.
pub fn discriminator_loss(of_real: &Tensor, of_denoised: &Tensor) -> Tensor {
    (of_real - 1.0).square() + (of_denoised + 1.0).square()
}

/// What the denoised samples should minimize: `( D(x_theta) - 1 )^2`, so that they are taken for data.
///
/// # Shapes
/// `of_denoised`: `[N]`. Returns `[N]`.
pub fn adversarial_loss(of_denoised: &Tensor) -> Tensor {
    (of_denoised - 1.0).square()
}

/// Trains a model by [denoising score matching](DenoisingScore), and also to predict data that a discriminator takes for real. The mean of all
/// data that `x_t` may come from, which score matching alone predicts, is blurred; the discriminator asks for likely data instead.
///
/// ```text
/// min over D:      ( D(x_0) - 1 )^2 + ( D(x_theta(x_t, t)) + 1 )^2
/// min over theta:  || eps - eps_theta(x_t, t) ||^2 + weight ( D(x_theta(x_t, t)) - 1 )^2
/// ```
/// Jolicoeur-Martineau et al. 2021, "Adversarial score matching and improved sampling for image generation", with the losses of LSGAN. In each
/// step, the discriminator learns first. The parameter groups are "model" and "discriminator". The weaker the signal, the larger the error
/// of `x_theta` that an error of `eps_theta` implies: use a process that keeps the signal, such as
/// [`NoiseScales`](crate::process::NoiseScales), or a parameterization that reads pure noise.
pub struct AdversarialLearner<'a> {
    model: &'a Model,
    process: &'a dyn Process,
    objective: DenoisingScore,
    discriminator: &'a Discriminator,
    weight: f64,
}

const MODEL: &str = "model";
const DISCRIMINATOR: &str = "discriminator";

impl<'a> AdversarialLearner<'a> {
    /// A learner of both. With the weight 0, the model learns as without a discriminator, to the last bit.
    ///
    /// # Errors
    /// [`Error::Config`] for a weight below 0; [`Error::Shape`] for a discriminator of samples of another shape; [`Error::Device`] for one on
    /// another device.
    pub fn new(
        model: &'a Model,
        process: &'a dyn Process,
        objective: DenoisingScore,
        discriminator: &'a Discriminator,
        weight: f64,
    ) -> Result<Self> {
        require(weight >= 0.0 && weight.is_finite(), "weight of the discriminator", "at least 0", weight)?;
        if discriminator.sample_shape != model.sample_shape() {
            let expected = format!("{:?}, those of the model", model.sample_shape());
            let got = discriminator.sample_shape.clone();
            return Err(Error::Shape { what: "samples of the discriminator", expected, got });
        }
        let (expected, got) = (model.device(), discriminator.vs.device());
        if expected != got {
            return Err(Error::Device { what: "the discriminator", expected, got });
        }
        Ok(Self { model, process, objective, discriminator, weight })
    }

    /// The loss of each sample for the discriminator, and for the model, given the discriminator as it is then.
    fn losses(&self, batch: &Batch) -> Result<(Tensor, impl Fn() -> Loss)> {
        let noised = Noised::draw(self.model, self.process, batch, &self.objective.timesteps)?;
        let seen = noised.denoise(self.model)?;
        let judged = |x: &Tensor| self.discriminator.forward(x);
        let of_discriminator = discriminator_loss(&judged(&batch.x0), &judged(&seen.x0.detach()));
        let of_model = move || {
            let error = squared_error(&seen.eps, &noised.eps);
            let t = Some(noised.t.shallow_clone());
            if self.weight == 0.0 {
                return Loss { t, by_sample: error };
            }
            Loss { t, by_sample: error + self.weight * adversarial_loss(&judged(&seen.x0)) }
        };
        Ok((of_discriminator, of_model))
    }
}

impl Learner for AdversarialLearner<'_> {
    fn groups(&self) -> Vec<(&'static str, &nn::VarStore)> {
        vec![(MODEL, self.model.var_store()), (DISCRIMINATOR, self.discriminator.var_store())]
    }

    fn end(&self) -> f64 {
        self.process.end()
    }

    fn check(&self, dataloader: &DataLoader) -> Result<()> {
        let objective: Box<dyn Objective> = Box::new(self.objective.clone());
        ModelLearner::new(self.model, self.process, objective).check(dataloader)
    }

    fn step(&self, batch: &Batch, state: &mut TrainingState) -> Result<LearnerStep> {
        let (of_discriminator, of_model) = self.losses(batch)?;
        let _of_discriminator = state.descend(DISCRIMINATOR, &of_discriminator.mean(Kind::Float))?;
        let loss = of_model();
        let descent = state.descend(MODEL, &loss.by_sample.mean(Kind::Float))?;
        Ok(LearnerStep { loss, descent })
    }

    fn try_step(&self, batch: &Batch) -> Result<()> {
        let (of_discriminator, of_model) = self.losses(batch)?;
        let of_each = [of_discriminator.mean(Kind::Float), of_model().by_sample.mean(Kind::Float)];
        for (loss, (_, vs)) in of_each.iter().rev().zip(self.groups()) {
            let _gradient = Tensor::f_run_backward(&[loss], &vs.trainable_variables(), true, false)?;
        }
        Ok(())
    }

    fn validate(&self, held_out: &Batch) -> Result<f64> {
        validation_loss(self.model, self.process, held_out)
    }
}
