//! `HsmLearner`: hybrid score matching.

use tch::{Device, Kind, Tensor, nn, no_grad_guard};

use super::process::CriticallyDamped;
use super::score::{check_shape, predicted_noise};
use crate::error::{Error, Result};
use crate::loader::DataLoader;
use crate::networks::{Given, Network};
use crate::objectives::{Batch, Loss};
use crate::random::{Draws, Stream};
use crate::training::{Learner, LearnerStep, TrainingState};

/// Trains a network to predict the noise in the velocity. The data is known, the velocity that it started with is not: the kernel is the mean over
/// all of these.
///
/// ```text
/// L = E || eps_v - eps_theta( x_t, v_t, t ) ||^2,   t ~ U(1e-5, 1),   ( x_t, v_t ) ~ p( x_t, v_t | x_0 )
/// ```
/// Dockhorn et al. 2022, section 3.2, with the weight `l_t^(-2)` of their score. If the first velocity were known, too, the
/// factor `l_t` between noise and score would be larger, and the score of a single sample rougher.
pub struct HsmLearner<'a> {
    network: &'a dyn Network,
    process: &'a CriticallyDamped,
}

/// The first time of training, that of the paper.
const FIRST: f64 = 1e-5;

impl<'a> HsmLearner<'a> {
    /// A learner of this network, which takes positions and velocities side by side: see [`DampedNetwork`](super::DampedNetwork).
    ///
    /// # Errors
    /// [`Error::Config`] for invalid settings of the process.
    pub fn new(network: &'a dyn Network, process: &'a CriticallyDamped) -> Result<Self> {
        process.validate()?;
        Ok(Self { network, process })
    }

    /// The loss of each sample, `[B]`: the mean over its numbers.
    ///
    /// # Errors
    /// [`Error::Shape`] for data that does not fit the network.
    pub fn loss(&self, batch: &Batch) -> Result<Loss> {
        let n = batch.x0.size()[0];
        let uniform = Tensor::rand([n], (Kind::Double, Device::Cpu));
        let t: Vec<f64> = Vec::try_from(uniform * (1.0 - FIRST) + FIRST)?;
        self.loss_at(&batch.x0, &t, &batch.x0.randn_like(), &batch.x0.randn_like(), &Given::training())
    }

    fn loss_at(&self, x0: &Tensor, t: &[f64], eps_x: &Tensor, eps_v: &Tensor, given: &Given) -> Result<Loss> {
        let (x_t, v_t) = self.process.perturbed(x0, t, eps_x, eps_v)?;
        let time = CriticallyDamped::network_times(t, x0);
        let error = eps_v - predicted_noise(self.network, &x_t, &v_t, &time, given)?;
        let by_sample = error.square().flatten(1, -1).mean_dim(1, false, Kind::Float);
        Ok(Loss { t: Some(Tensor::from_slice(t).to_kind(Kind::Float).to_device(x0.device())), by_sample })
    }
}

impl Learner for HsmLearner<'_> {
    fn groups(&self) -> Vec<(&'static str, &nn::VarStore)> {
        vec![("", self.network.var_store())]
    }

    fn end(&self) -> f64 {
        1.0
    }

    fn check(&self, dataloader: &DataLoader) -> Result<()> {
        let stored = dataloader.stored();
        check_shape(self.network, "data for this network", &stored.size())?;
        let device = self.network.var_store().device();
        if stored.device() == device {
            return Ok(());
        }
        Err(Error::Device { what: "data for this network", expected: device, got: stored.device() })
    }

    fn step(&self, batch: &Batch, state: &mut TrainingState) -> Result<LearnerStep> {
        let loss = self.loss(batch)?;
        let descent = state.descend("", &loss.by_sample.mean(Kind::Float))?;
        Ok(LearnerStep { loss, descent })
    }

    fn try_step(&self, batch: &Batch) -> Result<()> {
        let loss = self.loss(batch)?.by_sample.mean(Kind::Float);
        let _gradient = Tensor::f_run_backward(&[loss], &self.network.var_store().trainable_variables(), false, false)?;
        Ok(())
    }

    /// At evenly spread times, with the same noise every time.
    fn validate(&self, held_out: &Batch) -> Result<f64> {
        let _no_grad = no_grad_guard();
        let mut noise = Draws::new(0, Stream::Validation, 0);
        let (shape, device) = (held_out.x0.size(), held_out.x0.device());
        let n = shape[0];
        let t: Vec<f64> = (0..n).map(|i| FIRST + (1.0 - FIRST) * (i as f64 + 0.5) / n as f64).collect();
        let (eps_x, eps_v) = (noise.normal(&shape, device), noise.normal(&shape, device));
        let loss = self.loss_at(&held_out.x0, &t, &eps_x, &eps_v, &Given::default())?;
        Ok(loss.by_sample.mean(Kind::Float).double_value(&[]))
    }
}
