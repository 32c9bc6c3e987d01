//! Algorithm 2: from noise to data, one reverse step at a time.

use std::ops::ControlFlow;

use tch::{Kind, Tensor, no_grad_guard};

use crate::constants::ConstantsManager;
use crate::error::{Error, Result};
use crate::networks::{Denoiser, check_fits, check_prediction, threads_for};
use crate::out_of_memory::{self, Remembering};
use crate::random::{self, Stream};

/// One state of the reverse process.
#[derive(Debug)]
pub struct ChainState {
    /// The steps that the chain has taken: 0 at the start, `steps` at the end.
    pub step: usize,
    /// The steps that it takes in all.
    pub steps: usize,
    /// How many steps of noise are left in `x_t`: `T` at the start, 0 at the end.
    pub t: usize,
    /// The samples at step `t`, `[N, …]`.
    pub x_t: Tensor,
    /// What the network takes the noiseless samples to be, seen from `x_t`; at `t = 0` the samples themselves. Shaped
    /// like `x_t`. Ho et al. 2020, equation 15.
    pub predicted_x0: Tensor,
}

/// Sees every state of a chain, and may end it. [`InferenceLogger`](crate::inference_logger::InferenceLogger) is one; so is a closure.
pub trait Observer {
    /// Takes note of a state; the first is `x_T`. The answer is whether the chain goes on: [`ControlFlow::Break`] makes this the last.
    ///
    /// # Errors
    /// Its own; they end the chain.
    fn see(&mut self, state: &ChainState) -> Result<ControlFlow<()>>;

    /// Is called after the last state, with the seed that the samples were drawn with.
    ///
    /// # Errors
    /// Its own.
    fn end(&mut self, _seed: u64) -> Result<()> {
        Ok(())
    }
}

impl<F: FnMut(&ChainState) -> ControlFlow<()>> Observer for F {
    fn see(&mut self, state: &ChainState) -> Result<ControlFlow<()>> {
        Ok(self(state))
    }
}

/// The reverse process as an iterator: yields `x_T`, `x_{T-1}`, …, `x_0`, and calls the network once for each but the last.
pub struct ReverseChain<'a> {
    model: Remembering<'a>,
    constants: &'a ConstantsManager,
    t: usize,
    x_t: Tensor,
}

/// One step back: draws `x_{t-1} ~ p_theta(x_{t-1} | x_t)`, and returns with it the `x_0` that the prediction implies.
///
/// ```text
/// x_{t-1}       = 1 / sqrt(alpha_t) ( x_t - beta_t / sqrt(1 - alpha_bar_t) eps_theta(x_t, t) ) + sigma_t z
/// predicted x_0 = ( x_t - sqrt(1 - alpha_bar_t) eps_theta(x_t, t) ) / sqrt(alpha_bar_t)
/// ```
/// Ho et al. 2020, Algorithm 2, lines 3 and 4, and equation 15. At `t = 1` no noise is added: `z = 0`.
///
/// Where the constants [clip](ConstantsManager::with_clip), the predicted `x_0` is brought to `[-1, 1]`, and the mean is that of
/// `q(x_{t-1} | x_t, x_0)` for it (equation 7), which is the same where nothing is clipped:
///
/// ```text
/// mean = sqrt(alpha_bar_{t-1}) beta_t / (1 - alpha_bar_t) x_0 + sqrt(alpha_t) (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t) x_t
/// ```
///
/// # Shapes
/// `x_t`: `[N, D]` or `[N, C, H, W]`; both results are shaped like it.
///
/// # Errors
/// [`Error::Timestep`] for a `t` outside `1..=T`; [`Error::Shape`] where the network's prediction is not shaped like `x_t`.
pub fn reverse_step(
    model: &dyn Denoiser,
    constants: &ConstantsManager,
    x_t: &Tensor,
    t: usize,
) -> Result<(Tensor, Tensor)> {
    constants.check_timestep(t)?;
    let (beta, alpha_bar, sigma) = (constants.beta(t), constants.alpha_cumulative(t), constants.sigma(t));
    let (alpha, alpha_bar_prev) = (1.0 - beta, constants.alpha_cumulative(t - 1));

    let eps_theta = predict_in_parts(model, x_t, t)?;
    let mut predicted_x0 = (x_t - (1.0 - alpha_bar).sqrt() * &eps_theta) / alpha_bar.sqrt();
    let mean = if constants.clips_denoised() {
        predicted_x0 = predicted_x0.clamp(-1.0, 1.0);
        let (of_x0, of_x_t) = (alpha_bar_prev.sqrt() * beta, alpha.sqrt() * (1.0 - alpha_bar_prev));
        (of_x0 * &predicted_x0 + of_x_t * x_t) / (1.0 - alpha_bar)
    } else {
        (x_t - beta / (1.0 - alpha_bar).sqrt() * &eps_theta) / alpha.sqrt()
    };
    let x_prev = if t > 1 { mean + sigma * x_t.randn_like() } else { mean };
    Ok((x_prev, predicted_x0))
}

/// Pixels that go through a network at a time, which bounds its memory: 256 images of 32 x 32.
const PIXELS: i64 = 256 * 32 * 32;

/// The network's prediction for all of `x_t`, in as many parts as memory asks for.
fn predict_in_parts(model: &dyn Denoiser, x_t: &Tensor, t: usize) -> Result<Tensor> {
    let shape = x_t.size();
    let pixels = shape.get(2..4).map(|sides| sides.iter().product::<i64>());
    let part = pixels.map_or(shape[0], |pixels| (PIXELS / pixels).clamp(1, shape[0].max(1)));
    out_of_memory::predict_in_parts(shape[0], part, |start, len| {
        let x_t = x_t.narrow(0, start, len);
        check_prediction(model.predict_noise_at(&x_t, t), &x_t)
    })
}

/// Draws `n` samples and shows every state on the way to `observer`.
///
/// ```text
/// x_T ~ N(0, I)
/// for t = T, …, 1
///     z ~ N(0, I) if t > 1, else z = 0
///     x_{t-1} = 1 / sqrt(alpha_t) ( x_t - beta_t / sqrt(1 - alpha_bar_t) eps_theta(x_t, t) ) + sigma_t z
/// return x_0
/// ```
/// Ho et al. 2020, Algorithm 2. The same seed draws the same samples on the same device. Where the observer ends it early, the
/// samples are the `x_t` of that step.
///
/// # Shapes
/// Returns `[n, D]` points or `[n, C, H, W]` images.
///
/// # Errors
/// [`Error::Config`] for `n < 1`; those of [`reverse_step`]; the observer's errors.
pub fn generate_samples(
    model: &dyn Denoiser,
    constants: &ConstantsManager,
    n: i64,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Tensor> {
    if n < 1 {
        return Err(Error::config("number of samples", "at least 1", n));
    }
    let _threads = threads_for(model);
    random::seed_libtorch(random::derive(seed, Stream::Sampling, 0));
    let mut shape = vec![n];
    shape.extend(model.sample_shape());
    out_of_memory::require_room(&shape, constants.device())?;
    let noise = Tensor::f_randn(&shape[..], (Kind::Float, constants.device()))?;

    let mut samples = noise.shallow_clone();
    for state in ReverseChain::new(model, constants, noise)? {
        let state = state?;
        let goes_on = observer.see(&state)?;
        samples = state.x_t;
        if goes_on.is_break() {
            break;
        }
    }
    observer.end(seed)?;
    Ok(samples)
}

impl<'a> ReverseChain<'a> {
    /// The chain that starts from `noise`, `x_T`: `[N, …]`, f32.
    ///
    /// # Errors
    /// [`Error::Shape`] where the noise does not fit the network.
    pub fn new(model: &'a dyn Denoiser, constants: &'a ConstantsManager, noise: Tensor) -> Result<Self> {
        check_fits(model, "noise for this network", &noise)?;
        Ok(Self { model: Remembering::new(model), constants, t: constants.timesteps() + 1, x_t: noise })
    }
}

impl Iterator for ReverseChain<'_> {
    type Item = Result<ChainState>;

    fn next(&mut self) -> Option<Self::Item> {
        let t = self.t.checked_sub(1)?;
        let _no_grad = no_grad_guard();
        self.t = t;
        let (steps, x_t) = (self.constants.timesteps(), self.x_t.shallow_clone());
        let step = steps - t;
        if t == 0 {
            let predicted_x0 = x_t.shallow_clone();
            return Some(Ok(ChainState { step, steps, t, x_t, predicted_x0 }));
        }
        match reverse_step(&self.model, self.constants, &x_t, t) {
            Ok((x_prev, predicted_x0)) => {
                self.x_t = x_prev;
                Some(Ok(ChainState { step, steps, t, x_t, predicted_x0 }))
            }
            Err(error) => {
                self.t = 0;
                Some(Err(error))
            }
        }
    }
}
