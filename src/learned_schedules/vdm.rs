//! `VdmLearner`: a model in continuous time that learns its schedule, too.

use tch::{Device, Kind, Tensor, nn};

use super::monotone::{GammaAt, LearnedSchedule};
use crate::error::{Error, Result};
use crate::loader::DataLoader;
use crate::model::Model;
use crate::networks::{Given, Network, check_fits};
use crate::objectives::{Batch, Loss};
use crate::process::{Level, Tabulated};
use crate::training::{Learner, LearnerStep, TrainingState, validation_loss};

/// Trains a network that predicts the noise, and the schedule together with it. The network minimizes the bound; the schedule, on whose inner
/// part the bound does not depend, minimizes the variance of its estimate.
///
/// ```text
/// L = 1/2 E[ gamma'(t) || eps - eps_theta(x_t, gamma(t)) ||^2 ],   t ~ U(0, 1)
/// x_t = sqrt( sigmoid( -gamma(t) ) ) x_0 + sqrt( sigmoid( gamma(t) ) ) eps
/// ```
/// Kingma et al. 2021 (VDM), equation 17 and appendix I.2. Times are spread evenly over a batch, with one random offset. The other two terms of the
/// bound depend on the ends of the schedule alone, which are fixed.
pub struct VdmLearner<'a> {
    model: &'a Model,
    schedule: &'a LearnedSchedule,
    learns_schedule: bool,
}

/// The schedule's group of parameters.
const SCHEDULE: &str = "schedule";

impl<'a> VdmLearner<'a> {
    /// A learner of both. The model predicts the noise.
    pub fn new(model: &'a Model, schedule: &'a LearnedSchedule) -> Self {
        Self { model, schedule, learns_schedule: true }
    }

    /// A learner of the model alone, to compare with.
    pub fn with_fixed_schedule(model: &'a Model, schedule: &'a LearnedSchedule) -> Self {
        Self { model, schedule, learns_schedule: false }
    }

    /// The loss of each sample, `[B]`, in nats per number: with gradients to the network and to the schedule.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn loss(&self, batch: &Batch) -> Result<Loss> {
        let (n, device) = (batch.x0.size()[0], batch.x0.device());
        let offset = Tensor::rand([1], (Kind::Float, Device::Cpu)).to_device(device);
        let t = (Tensor::arange(n, (Kind::Float, device)) / n as f64 + offset).remainder(1.0);
        let GammaAt { gamma, slope } = self.schedule.at(&t);
        let mut shape = vec![1; batch.x0.dim()];
        shape[0] = n;
        let of_each = |of: Tensor| of.view(&shape[..]);

        let eps = batch.x0.randn_like();
        let x_t = of_each((-&gamma).sigmoid().sqrt()) * &batch.x0 + of_each(gamma.sigmoid().sqrt()) * &eps;
        // The network's time is a linear function of gamma.
        let (start, end) = (Tabulated::network_time_of(0.0), Tabulated::network_time_of(-1.0));
        let eps_theta = self.model.forward(&x_t, &(&gamma * (end - start) + start), &Given::training());
        let error = (eps - eps_theta).square().flatten(1, -1).mean_dim(1, false, Kind::Float);
        Ok(Loss { t: Some(t), by_sample: 0.5 * slope * error })
    }
}

impl Learner for VdmLearner<'_> {
    fn groups(&self) -> Vec<(&'static str, &nn::VarStore)> {
        vec![("model", self.model.var_store()), (SCHEDULE, self.schedule.var_store())]
    }

    fn end(&self) -> f64 {
        1.0
    }

    fn check(&self, dataloader: &DataLoader) -> Result<()> {
        check_fits(self.model, "data for this network", dataloader.stored())?;
        let of_model = self.model.parameterization();
        // Only if the output is the noise, it is read as the noise.
        let x = dataloader.stored().narrow(0, 0, 1).to_kind(Kind::Float);
        let level = Level::at(&Tabulated::default(), 0.5, &x)?;
        let predicts_noise = of_model.outputs() == 1 && of_model.read(&x, &x, &level).eps == x;
        if predicts_noise && self.model.classes() == 0 {
            return Ok(());
        }
        let problem = "a schedule is learned with a model that predicts the noise and takes no labels: use the parameterization eps, and 0 classes";
        Err(Error::Unsupported(problem.to_owned()))
    }

    fn step(&self, batch: &Batch, state: &mut TrainingState) -> Result<LearnerStep> {
        let loss = self.loss(batch)?;
        if self.learns_schedule {
            // With another noise than the network's step, which would have freed the graph.
            let square = self.loss(batch)?.by_sample.square().mean(Kind::Float);
            let _of_schedule = state.descend(SCHEDULE, &square)?;
        }
        let descent = state.descend("model", &loss.by_sample.mean(Kind::Float))?;
        Ok(LearnerStep { loss, descent })
    }

    fn try_step(&self, batch: &Batch) -> Result<()> {
        let loss = self.loss(batch)?.by_sample.mean(Kind::Float);
        let _gradient = Tensor::f_run_backward(&[loss], &self.model.var_store().trainable_variables(), false, false)?;
        Ok(())
    }

    fn validate(&self, held_out: &Batch) -> Result<f64> {
        validation_loss(self.model, &self.schedule.table(256)?, held_out)
    }
}
