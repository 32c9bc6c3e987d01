//! `FlowMatching`: the error of the velocity along the paths from data to noise.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::noised::Noised;
use super::timesteps::TimestepSamplingConfig;
use super::{Batch, Loss, Objective, squared_error};
use crate::couplings::CouplingConfig;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::networks::Given;
use crate::process::{Level, Process};

/// Flow matching: the squared error of the velocity of `x_t`, whatever the network predicts. The mean velocity at each point, which has the
/// least error, is that of a flow with the same distribution at each time.
///
/// ```text
/// (x_0, eps) ~ coupling,   x_t = a(t) x_0 + s(t) eps
/// || v_theta(x_t, t) - ( a'(t) x_0 + s'(t) eps ) ||^2,   v_theta = a'(t) x_theta + s'(t) eps_theta
/// ```
/// Lipman et al. 2023, theorem 2; Liu et al. 2023, equation 1, on the [flow](crate::process::Flow), whose velocity is `eps - x_0`. For an
/// independent coupling it is [`Weighted`](super::Weighted) with `w = ( s' - a' s / a )^2`, for a network that predicts the velocity
/// [`Simple`](super::Simple). With another coupling, the flow is not the probability-flow ODE of a diffusion, and only samplers without fresh
/// noise draw from it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlowMatching {
    /// How often each timestep is drawn.
    pub timesteps: TimestepSamplingConfig,
    /// Which noise belongs to which sample of a batch. If the model takes labels, it is found within each class, so that each class starts from
    /// all of the noise.
    pub coupling: CouplingConfig,
}

impl FlowMatching {
    /// The loss of a batch whose noise is given.
    ///
    /// # Shapes
    /// `eps`: shaped like `x_0` of the batch.
    ///
    /// # Errors
    /// As [`Objective::loss`]; [`Error::Shape`] for noise of another shape.
    pub fn loss_of_pairs(&self, model: &Model, process: &dyn Process, batch: &Batch, eps: &Tensor) -> Result<Loss> {
        check_noise(batch, eps)?;
        self.of_noised(model, process, batch, |_| Ok(eps.shallow_clone()))
    }

    /// The error of each sample, `[B]`, at given times and with given noise, as the network is used: with its labels, and without dropout.
    ///
    /// # Shapes
    /// `eps`: shaped like `x_0` of the batch; `t`: `[B]`.
    ///
    /// # Errors
    /// As [`FlowMatching::loss_of_pairs`].
    pub(crate) fn error_of_pairs(
        model: &Model,
        process: &dyn Process,
        batch: &Batch,
        eps: &Tensor,
        t: Tensor,
    ) -> Result<Tensor> {
        check_noise(batch, eps)?;
        require_scalar(process)?;
        let level = Level::of_each(process, &t, &batch.x0)?;
        let x_t = &level.signal * &batch.x0 + &level.noise * eps;
        let label = batch.label.as_ref().filter(|_| model.classes() > 0).map(Tensor::shallow_clone);
        let given = Given { label, ..Given::default() };
        velocity_error(model, process, batch, &Noised { t, eps: eps.shallow_clone(), x_t, level, given })
    }

    /// The loss with the noise that `choose` makes of drawn noise.
    fn of_noised(
        &self,
        model: &Model,
        process: &dyn Process,
        batch: &Batch,
        choose: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Loss> {
        require_scalar(process)?;
        let noised = Noised::draw(model, process, batch, &self.timesteps)?;
        let eps = choose(&noised.eps)?;
        let x_t = &noised.level.signal * &batch.x0 + &noised.level.noise * &eps;
        let noised = Noised { eps, x_t, ..noised };
        let by_sample = velocity_error(model, process, batch, &noised)?;
        Ok(Loss { t: Some(noised.t), by_sample })
    }

    /// The noise of each sample, by the coupling.
    fn paired(&self, model: &Model, batch: &Batch, eps: &Tensor) -> Result<Tensor> {
        let coupling = self.coupling.build();
        let Some(label) = batch.label.as_ref().filter(|_| model.classes() > 0) else {
            return coupling.pair(&batch.x0, eps);
        };
        let mut paired = eps.copy();
        for class in 0..model.classes() {
            let rows = label.eq(class).nonzero().flatten(0, -1);
            if rows.numel() > 0 {
                let of_class = coupling.pair(&batch.x0.index_select(0, &rows), &eps.index_select(0, &rows))?;
                paired = paired.index_copy(0, &rows, &of_class);
            }
        }
        Ok(paired)
    }
}

fn check_noise(batch: &Batch, eps: &Tensor) -> Result<()> {
    if eps.size() == batch.x0.size() {
        return Ok(());
    }
    let expected = format!("{:?}, the shape of the data", batch.x0.size());
    Err(Error::Shape { what: "noise of a batch", expected, got: eps.size() })
}

fn require_scalar(process: &dyn Process) -> Result<()> {
    if process.is_scalar() {
        return Ok(());
    }
    let kind = process.noise_kind();
    Err(Error::Unsupported(format!(
        "flow matching needs the same velocity in all coordinates, and with the noise {kind} they differ: use simple or weighted"
    )))
}

/// `|| v_theta(x_t, t) - ( a'(t) x_0 + s'(t) eps ) ||^2` of each sample, `[B]`.
fn velocity_error(model: &Model, process: &dyn Process, batch: &Batch, noised: &Noised) -> Result<Tensor> {
    let seen = noised.denoise(model)?;
    let times: Vec<f64> = Vec::try_from(&noised.t)?;
    let [of_signal, of_noise] = [
        slopes(&times, &batch.x0, |t| process.signal_slope(t)),
        slopes(&times, &batch.x0, |t| process.noise_slope(t)),
    ];
    let velocity = |x0: &Tensor, eps: &Tensor| &of_signal * x0 + &of_noise * eps;
    Ok(squared_error(&velocity(&seen.x0, &seen.eps), &velocity(&batch.x0, &noised.eps)))
}

/// A number for each sample, in the type of `x`: `[B, 1, …]`.
fn slopes(times: &[f64], x: &Tensor, slope: impl Fn(f64) -> f64) -> Tensor {
    let slopes: Vec<f64> = times.iter().map(|t| slope(*t)).collect();
    let mut shape = vec![1; x.dim()];
    shape[0] = -1;
    Tensor::from_slice(&slopes).to_kind(x.kind()).view(&shape[..]).to_device(x.device())
}

impl Objective for FlowMatching {
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss> {
        self.of_noised(model, process, batch, |eps| self.paired(model, batch, eps))
    }

    fn validate(&self) -> Result<()> {
        self.coupling.build().validate()
    }
}
