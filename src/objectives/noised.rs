//! A batch with noise in it, as training looks at it.

use tch::{Kind, Tensor};

use super::timesteps::TimestepSamplingConfig;
use super::{Batch, Loss};
use crate::denoisers::Denoised;
use crate::error::Result;
use crate::model::Model;
use crate::networks::Given;
use crate::process::{Level, Process};

/// A batch at random times, with random noise.
pub(crate) struct Noised {
    pub t: Tensor,
    pub eps: Tensor,
    pub x_t: Tensor,
    pub level: Level,
    pub given: Given,
}

impl Noised {
    /// Draws times and noise from libtorch's generator: Algorithm 1, lines 3 and 4.
    pub fn draw(
        model: &Model,
        process: &dyn Process,
        batch: &Batch,
        timesteps: &TimestepSamplingConfig,
    ) -> Result<Self> {
        let t = timesteps.build().draw(process, batch.x0.size()[0])?;
        Self::at(model, process, batch, t)
    }

    /// Draws only the noise.
    pub fn at(model: &Model, process: &dyn Process, batch: &Batch, t: Tensor) -> Result<Self> {
        let eps = process.draw(&t, &batch.x0)?;
        let given = Given { label: label(model, batch), ..Given::training() };
        let level = Level::of_each(process, &t, &batch.x0)?;
        let x_t = &level.signal * &batch.x0 + &level.noise * &eps;
        Ok(Self { t, eps, x_t, level, given })
    }

    /// The data and the noise that the model sees in it.
    pub fn denoise(&self, model: &Model) -> Result<Denoised> {
        let output = model.output(&self.x_t, &self.level, &self.given)?;
        Ok(model.parameterization().read(&output, &self.x_t, &self.level))
    }

    /// The loss of each sample as the mean of an elementwise function of output and target.
    pub fn loss_of_output(self, model: &Model, x0: &Tensor, of: impl Fn(&Tensor, &Tensor) -> Tensor) -> Result<Loss> {
        let output = model.compared_output(&self.x_t, &self.level, &self.given)?;
        let target = model.parameterization().target(x0, &self.eps, &self.level);
        let by_sample = of(&output, &target).flatten(1, -1).mean_dim(1, false, Kind::Float);
        Ok(Loss { t: Some(self.t), by_sample })
    }
}

/// The labels that condition the network, some of them replaced by the null token, so that the model can also be sampled from without one. None for a
/// network that takes none. Ho & Salimans 2022, Algorithm 1.
pub(super) fn label(model: &Model, batch: &Batch) -> Option<Tensor> {
    let label = batch.label.as_ref().filter(|_| model.classes() > 0)?;
    let without = Tensor::rand(label.size(), (Kind::Float, label.device())).lt(model.condition_dropout());
    Some(label.masked_fill(&without, model.classes()))
}
