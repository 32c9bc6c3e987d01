//! `InterpolantLearner`: learns the velocity and the noise of an interpolant from pairs.

use tch::{Kind, Tensor, nn, no_grad_guard};

use super::ends::join;
use super::field::NetworkField;
use super::{Interpolant, JoinedEnds};
use crate::couplings::Coupling;
use crate::error::{Error, Result};
use crate::loader::DataLoader;
use crate::networks::{Given, Network};
use crate::objectives::{Batch, Loss, squared_error};
use crate::out_of_memory::in_parts;
use crate::random::{self, Stream};
use crate::training::{Learner, LearnerStep, TrainingState};

/// The most pairs that pass through the network at a time for the validation loss, and that its coupling exchanges.
const VALIDATED: i64 = 64;

/// A learner of the field of an interpolant. Its data are pairs: each row is a sample of the one end and a sample of the other, concatenated along
/// dimension 1. If they belong together, as an image and its sketch, the bridge is conditional: it leads from each to its own partner.
///
/// ```text
/// x_t = alpha x_0 + beta x_1 + gamma z,   t ~ U(0, 1),   z ~ N(0, I)
/// || v_theta(x_t, t) - ( alpha' x_0 + beta' x_1 ) ||^2 + || z_theta(x_t, t) - z ||^2
/// ```
/// Albergo, Boffi & Vanden-Eijnden 2023, equations 2.13 and 2.19. The second term is for interpolants with noise; the network then has two outputs
/// for each number of `x_t`, as [`Fnn::with_outputs`](crate::networks::Fnn::with_outputs) makes them.
///
/// # Shapes
/// Data: `[N, 2 D]` points or `[N, 2 C, H, W]` images, `x_0` first.
pub struct InterpolantLearner<'a> {
    network: &'a dyn Network,
    interpolant: &'a dyn Interpolant,
    coupling: Option<&'a dyn Coupling>,
}

impl<'a> InterpolantLearner<'a> {
    /// A learner of the pairs as they are.
    pub fn new(network: &'a dyn Network, interpolant: &'a dyn Interpolant) -> Self {
        Self { network, interpolant, coupling: None }
    }

    /// The same, with the pairs of a batch exchanged by a coupling.
    #[must_use]
    pub fn coupled(self, coupling: &'a dyn Coupling) -> Self {
        Self { coupling: Some(coupling), ..self }
    }

    /// The loss of each pair, `[B]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for a network with another number of outputs; those of the coupling.
    pub fn loss(&self, pairs: &Batch) -> Result<Loss> {
        let (joined, times) = self.joined(pairs)?;
        let t: Vec<f64> = Vec::try_from(&times)?;
        let by_sample = self.errors(&joined, &t, &Given::training())?;
        Ok(Loss { t: Some(times), by_sample })
    }

    /// The pairs, exchanged by the coupling, joined at random times, `[B]`.
    fn joined(&self, pairs: &Batch) -> Result<(JoinedEnds, Tensor)> {
        let width = pairs.x0.size()[1] / 2;
        let [x0, x1] = [0, 1].map(|half| pairs.x0.narrow(1, half * width, width));
        let x1 = match self.coupling {
            Some(coupling) => coupling.pair(&x0, &x1)?,
            None => x1,
        };
        let times = Tensor::rand([x0.size()[0]], (Kind::Double, tch::Device::Cpu));
        let t: Vec<f64> = Vec::try_from(&times)?;
        Ok((join(self.interpolant, &x0, &x1, x0.randn_like(), &t)?, times))
    }

    /// The error of each pair, `[B]`.
    fn errors(&self, joined: &JoinedEnds, t: &[f64], given: &Given) -> Result<Tensor> {
        let JoinedEnds { x_t, velocity, z } = joined;
        let found = NetworkField::new(self.network, self.interpolant).at_each(x_t, t, given)?;
        let of_velocity = squared_error(&found.velocity, velocity);
        Ok(match found.z {
            Some(found) => of_velocity + squared_error(&found, z),
            None => of_velocity,
        })
    }
}

impl Learner for InterpolantLearner<'_> {
    fn groups(&self) -> Vec<(&'static str, &nn::VarStore)> {
        vec![("", self.network.var_store())]
    }

    fn end(&self) -> f64 {
        1.0
    }

    fn check(&self, dataloader: &DataLoader) -> Result<()> {
        let mut expected = self.network.sample_shape();
        expected[0] *= 2;
        let got = dataloader.sample_shape();
        if got != expected {
            let expected = format!("{expected:?}, two samples, concatenated along dimension 1");
            return Err(Error::Shape { what: "a pair for this network", expected, got });
        }
        if !dataloader.classes().is_empty() {
            let problem = "a bridge does not use the classes of its pairs: make their loader with DataLoader::new, without labels";
            return Err(Error::Unsupported(problem.to_owned()));
        }
        self.interpolant.validate()
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

    /// The same error, always at the same times and with the same noise, without dropout.
    fn validate(&self, held_out: &Batch) -> Result<f64> {
        let _no_grad = no_grad_guard();
        let n = held_out.x0.size()[0];
        let total = random::with_seed(random::derive(0, Stream::Validation, 0), || {
            (0..n).step_by(VALIDATED as usize).try_fold(0.0, |total, start| {
                let (joined, times) = self.joined(&held_out.narrow(start, VALIDATED.min(n - start)))?;
                let t: Vec<f64> = Vec::try_from(&times)?;
                let (errors, _) = in_parts(t.len() as i64, VALIDATED, |start, length| {
                    let of = (start as usize)..(start + length) as usize;
                    self.errors(&joined.narrow(start, length), &t[of], &Given::default())
                })?;
                Ok::<_, Error>(total + errors.sum(Kind::Double).double_value(&[]))
            })
        })?;
        Ok(total / n as f64)
    }
}
