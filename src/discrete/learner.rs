//! `TokenLearner`: trains a network on categories, with the bound and the cross-entropy.

use tch::{Kind, Tensor, nn, no_grad_guard};

use super::bound::bound_term;
use super::corruption::Corruption;
use super::networks::{TokenNetwork, check_network, network_time};
use super::process::TokenProcess;
use crate::error::{Error, Result, require};
use crate::loader::DataLoader;
use crate::objectives::{Batch, Loss};
use crate::random::{self, Stream};
use crate::training::{Learner, LearnerStep, TrainingState};

/// Trains a network with the bound, one term per sample, plus the cross-entropy of `x_0`. Losses are in nats per token.
///
/// ```text
/// L_lambda = L_vlb + lambda E[ -ln p_theta(x_0 | x_t) ],   L_vlb = T E_t[ KL( q(x_{t-1} | x_t, x_0) || p_theta(x_{t-1} | x_t) ) ]
/// ```
/// Austin et al. 2021, equation 5. The term of `x_T` has no parameters, and is left out. The times of a batch are spread evenly over `1..=T` from a
/// random start, which makes the loss less noisy: Kingma et al. 2021, appendix I.1.
///
/// [`train_one_epoch_of`](crate::training::train_one_epoch_of) trains it. The samples of the loader are tokens as numbers: `[N, L]`.
pub struct TokenLearner<'a> {
    network: &'a dyn TokenNetwork,
    process: &'a TokenProcess,
    lambda: f64,
}

impl<'a> TokenLearner<'a> {
    /// A learner that trains `network` on `process`, with `lambda = 0.001`.
    ///
    /// # Errors
    /// [`Error::Config`] for a network for other categories.
    pub fn new(network: &'a dyn TokenNetwork, process: &'a TokenProcess) -> Result<Self> {
        check_network(network, process)?;
        Ok(Self { network, process, lambda: 0.001 })
    }

    /// The same with another weight of the cross-entropy; 0 for none.
    ///
    /// # Errors
    /// [`Error::Config`] for a negative weight.
    pub fn with_lambda(self, lambda: f64) -> Result<Self> {
        require((0.0..=1e6).contains(&lambda), "TokenLearner.lambda", "0 to 1000000", lambda)?;
        Ok(Self { lambda, ..self })
    }

    /// The loss of each sample at one time each: nats per token.
    fn loss_of(&self, batch: &Batch, lambda: f64) -> Result<Loss> {
        let x0 = batch.x0.round().to_kind(Kind::Int64);
        let (n, steps) = (x0.size()[0], self.process.steps() as f64);
        // From u on, evenly over the steps.
        let u = Tensor::rand([1], (Kind::Double, x0.device()));
        let spread = (Tensor::arange(n, (Kind::Double, x0.device())) / n as f64 + u).remainder(1.0);
        let t = ((spread * steps).floor() + 1.0).clamp(1.0, steps).to_kind(Kind::Int64);
        let x_t = self.process.corrupt(&x0, &t)?;
        let logits = self.network.forward(&x_t, &network_time(self.process, &t));
        let bound = bound_term(self.process, &logits, &x0, &x_t, &t)? * steps;
        let log_p = logits.log_softmax(-1, Kind::Float).gather(-1, &x0.unsqueeze(-1), false).squeeze_dim(-1);
        let by_token = bound - log_p.to_kind(Kind::Double) * lambda;
        let by_sample = by_token.mean_dim([1].as_slice(), false, Kind::Double).to_kind(Kind::Float);
        Ok(Loss { t: Some(t), by_sample })
    }
}

impl Learner for TokenLearner<'_> {
    fn groups(&self) -> Vec<(&'static str, &nn::VarStore)> {
        vec![("", self.network.var_store())]
    }

    fn end(&self) -> f64 {
        self.process.end()
    }

    fn check(&self, dataloader: &DataLoader) -> Result<()> {
        let tokens = dataloader.stored();
        let length = self.network.length();
        if tokens.dim() != 2 || length.is_some_and(|length| length != tokens.size()[1]) {
            let length = length.map_or("L".to_owned(), |length| length.to_string());
            return Err(Error::Shape {
                what: "tokens to learn",
                expected: format!("[N, {length}]"),
                got: tokens.size(),
            });
        }
        let (least, most) = (tokens.min().double_value(&[]), tokens.max().double_value(&[]));
        let whole = (tokens - tokens.round()).abs().max().double_value(&[]) == 0.0;
        if whole && least >= 0.0 && most < self.process.symbols() as f64 {
            return Ok(());
        }
        let expected = format!("whole numbers in 0..{}", self.process.symbols());
        Err(Error::config(
            "tokens to learn",
            expected,
            if whole { format!("{least} to {most}") } else { "others".to_owned() },
        ))
    }

    fn step(&self, batch: &Batch, state: &mut TrainingState) -> Result<LearnerStep> {
        let loss = self.loss_of(batch, self.lambda)?;
        let descent = state.descend("", &loss.by_sample.mean(Kind::Float))?;
        Ok(LearnerStep { loss, descent })
    }

    fn try_step(&self, batch: &Batch) -> Result<()> {
        let loss = self.loss_of(batch, self.lambda)?.by_sample.mean(Kind::Float);
        let _gradient = Tensor::f_run_backward(&[loss], &self.network.var_store().trainable_variables(), false, false)?;
        Ok(())
    }

    /// The bound without the term of `x_T`, at the same times and with the same noise every time: nats per token.
    fn validate(&self, held_out: &Batch) -> Result<f64> {
        let _no_grad = no_grad_guard();
        let loss = random::with_seed(random::derive(0, Stream::Validation, 0), || self.loss_of(held_out, 0.0))?;
        Ok(loss.by_sample.mean(Kind::Double).double_value(&[]))
    }
}
