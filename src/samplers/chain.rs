//! The chain from noise to data: the steps of a sampler, and their observers.

use std::ops::ControlFlow;

use tch::{Device, Tensor, no_grad_guard};

use super::{Sampler, Step};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::{Error, Result};
use crate::process::{Level, Process};

/// One state of a chain.
#[derive(Debug)]
pub struct ChainState {
    /// The number of steps taken: 0 at the start, `steps` at the end.
    pub step: usize,
    /// The total number of steps.
    pub steps: usize,
    /// The time of `x_t`: `T` at the start of Algorithm 2, 0 at the end.
    pub t: f64,
    /// The samples at this time, `[N, …]`.
    pub x_t: Tensor,
    /// The noiseless samples that the denoiser predicts from `x_t`; in the last state, the samples themselves. Shaped like
    /// `x_t`. Ho et al. 2020, equation 15.
    pub predicted_x0: Tensor,
}

impl ChainState {
    /// The time, formatted briefly.
    pub fn time(&self) -> String {
        shown_time(self.t)
    }
}

/// Formats a time: steps of a discrete process as integers, other times with three digits.
pub(crate) fn shown_time(t: f64) -> String {
    match t {
        _ if t.fract() == 0.0 => format!("{t}"),
        _ if t < 0.01 => format!("{t:.2e}"),
        _ => format!("{t:.3}"),
    }
}

/// Sees every state of a chain, and may end it. [`InferenceLogger`](crate::show::InferenceLogger) is one; so is a
/// closure.
pub trait Observer {
    /// Observes a state; the first is `x_T`. Returns whether the chain continues: [`ControlFlow::Break`] makes this
    /// state the last.
    ///
    /// # Errors
    /// Errors of the implementation, which end the chain.
    fn see(&mut self, state: &ChainState) -> Result<ControlFlow<()>>;

    /// Called after the last state, with the seed of the samples if it is known.
    ///
    /// # Errors
    /// Errors of the implementation.
    fn end(&mut self, _seed: Option<u64>) -> Result<()> {
        Ok(())
    }
}

impl<F: FnMut(&ChainState) -> ControlFlow<()>> Observer for F {
    fn see(&mut self, state: &ChainState) -> Result<ControlFlow<()>> {
        Ok(self(state))
    }
}

/// A chain as an iterator: yields `x_T` and the state after each step, the last of which is at `t = 0` (an encoding chain runs from 0 to `T`). It switches
/// gradients off; [`Chain::with_gradients`] keeps them.
pub struct Chain<'a> {
    sampler: &'a mut dyn Sampler,
    denoiser: &'a dyn Denoiser,
    process: &'a dyn Process,
    times: Vec<f64>,
    step: usize,
    x_t: Tensor,
    keeps_gradients: bool,
}

/// The first step from data to noise. At `t = 0` there is no noise to predict: the denoiser is
/// asked about the data at the next time.
///
/// ```text
/// x_to = a(to) x_0 + s(to) eps( a(to) x_0, to )
/// ```
fn leave_data(denoiser: &dyn Denoiser, process: &dyn Process, x_0: &Tensor, to: f64) -> Result<Step> {
    let Level { signal, noise, .. } = Level::at(process, to, x_0)?;
    let data = signal * x_0;
    let Denoised { x0, eps, .. } = denoiser.denoise(&data, to)?;
    Ok(Step { x: data + noise * &eps, predicted_x0: x0 })
}

impl<'a> Chain<'a> {
    /// The chain that starts from `noise`, `x_T`: `[N, …]`, in f32 or f64, like all states.
    ///
    /// # Errors
    /// Those of [`Sampler::times`]; [`Error::Timestep`] if these are not within the process, or there are none.
    pub fn new(
        sampler: &'a mut dyn Sampler,
        denoiser: &'a dyn Denoiser,
        process: &'a dyn Process,
        noise: Tensor,
    ) -> Result<Self> {
        let times = sampler.times(process)?;
        Self::at(times, sampler, denoiser, process, noise)
    }

    /// The chain in the other direction, from the data `x_0`, `[N, …]`, to the noise `x_T` from which a deterministic sampler draws it: the
    /// inversion of DDIM, and of any other solver of the ODE. The code is as exact as the steps are short. A sampler with fresh noise has no such
    /// code.
    ///
    /// Song, Meng & Ermon 2021, section 5.4; Song et al. 2021, section 4.3.
    ///
    /// # Errors
    /// As [`Chain::new`].
    pub fn encoding(
        sampler: &'a mut dyn Sampler,
        denoiser: &'a dyn Denoiser,
        process: &'a dyn Process,
        x_0: Tensor,
    ) -> Result<Self> {
        let mut times = sampler.times(process)?;
        times.reverse();
        Self::at(times, sampler, denoiser, process, x_0)
    }

    fn at(
        times: Vec<f64>,
        sampler: &'a mut dyn Sampler,
        denoiser: &'a dyn Denoiser,
        process: &'a dyn Process,
        x_t: Tensor,
    ) -> Result<Self> {
        if times.is_empty() || !times.iter().all(|t| (0.0..=process.end()).contains(t)) {
            let expected = format!("at least one time, each from 0 to {}", process.end());
            return Err(Error::Timestep { expected, got: format!("{times:?} from {sampler:?}") });
        }
        Ok(Self { sampler, denoiser, process, times, step: 0, x_t, keeps_gradients: false })
    }

    /// The same chain, with gradients with respect to everything that requires them.
    #[must_use]
    pub fn with_gradients(self) -> Self {
        Self { keeps_gradients: true, ..self }
    }
}

impl Iterator for Chain<'_> {
    type Item = Result<ChainState>;

    fn next(&mut self) -> Option<Self::Item> {
        let t = *self.times.get(self.step)?;
        let _no_grad = (!self.keeps_gradients).then(no_grad_guard);
        let (step, steps, x_t) = (self.step, self.times.len() - 1, self.x_t.shallow_clone());
        self.step += 1;
        let Some(to) = self.times.get(self.step) else {
            let predicted_x0 = x_t.shallow_clone();
            return Some(Ok(ChainState { step, steps, t, x_t, predicted_x0 }));
        };
        let taken = match t > 0.0 {
            true => self.sampler.step(self.denoiser, self.process, &x_t, t, *to),
            false => leave_data(self.denoiser, self.process, &x_t, *to),
        };
        match taken {
            Ok(Step { x, predicted_x0 }) => {
                self.x_t = x;
                Some(Ok(ChainState { step, steps, t, x_t, predicted_x0 }))
            }
            Err(error) => {
                self.step = self.times.len();
                Some(Err(error))
            }
        }
    }
}

/// Runs a chain from `noise`, `x_T`, to samples, and passes every state to `observer`. If the observer ends it early,
/// the samples are the `x_t` of that step.
///
/// # Shapes
/// `noise` and the samples: `[N, …]`, in f32 or f64.
///
/// # Errors
/// Those of [`Chain::new`] and of the denoiser; the observer's errors.
pub fn run_chain(
    sampler: &mut dyn Sampler,
    denoiser: &dyn Denoiser,
    process: &dyn Process,
    noise: Tensor,
    observer: &mut dyn Observer,
) -> Result<Tensor> {
    let samples = walk(Chain::new(sampler, denoiser, process, noise)?, observer)?;
    observer.end(None)?;
    Ok(samples)
}

/// Runs the chain of a deterministic sampler from the data `x_0` to the noise `x_T` that is its code. See [`Chain::encoding`].
///
/// # Shapes
/// `x_0` and the code: `[N, …]`, in f32 or f64.
///
/// # Errors
/// As [`run_chain`].
pub fn encode(
    sampler: &mut dyn Sampler,
    denoiser: &dyn Denoiser,
    process: &dyn Process,
    x_0: Tensor,
    observer: &mut dyn Observer,
) -> Result<Tensor> {
    let code = walk(Chain::encoding(sampler, denoiser, process, x_0)?, observer)?;
    observer.end(None)?;
    Ok(code)
}

/// Rejects samples that are not finite: on a CPU at each step; on a GPU only at the last, to avoid waiting for it.
fn check_finite(state: &ChainState) -> Result<()> {
    let looks = state.x_t.device() == Device::Cpu || state.step == state.steps;
    // If a value is not finite, the sum is not finite.
    if !looks || state.x_t.sum(state.x_t.kind()).double_value(&[]).is_finite() {
        return Ok(());
    }
    Err(Error::SamplesNotFinite { step: state.step, steps: state.steps, t: state.time() })
}

/// Runs through the states of a chain until the observer ends it; returns the last samples.
pub(crate) fn walk(chain: Chain, observer: &mut dyn Observer) -> Result<Tensor> {
    let mut samples = chain.x_t.shallow_clone();
    for state in chain {
        let state = state?;
        check_finite(&state)?;
        let goes_on = observer.see(&state)?;
        samples = state.x_t;
        if goes_on.is_break() {
            break;
        }
    }
    Ok(samples)
}
