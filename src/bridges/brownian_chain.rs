//! The reverse steps of a Brownian bridge, whose start `y` stays known.

use tch::{Tensor, no_grad_guard};

use super::BrownianBridge;
use super::Interpolant;
use crate::error::{Error, Result};

/// The distribution of an earlier state of a Brownian bridge, given a later one and both ends.
///
/// ```text
/// q( x_to | x_from, x_0, y ) = N( of_state x_from + of_data x_0 + of_end y, variance )
/// ```
/// Li et al. 2023 (BBDM), equations 9 to 11.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BridgePosterior {
    /// The factor of `x_from`.
    pub of_state: f64,
    /// The factor of `x_0`.
    pub of_data: f64,
    /// The factor of `y`, the end at `t = 1`.
    pub of_end: f64,
    /// The variance.
    pub variance: f64,
}

impl BridgePosterior {
    /// For a step back from `from`, below 1 or 1 itself, to `to`.
    ///
    /// # Errors
    /// [`Error::Timestep`] unless `0 <= to < from <= 1`.
    pub fn new(bridge: &BrownianBridge, from: f64, to: f64) -> Result<Self> {
        if !(0.0 <= to && to < from && from <= 1.0) {
            let expected = "a step from t, at most 1, back to a time from 0 to below t".to_owned();
            return Err(Error::Timestep { expected, got: format!("from {from} to {to}") });
        }
        let before = bridge.variance(to);
        // At the end, the state is y, which adds no information.
        if from == 1.0 {
            return Ok(Self { of_state: 0.0, of_data: 1.0 - to, of_end: to, variance: before });
        }
        let [kept, towards, added] = bridge.transition(to, from);
        let after = bridge.variance(from);
        // The regression of x_to = ( 1 - to ) x_0 + to y + noise on x_from = kept x_to + towards y + noise.
        let of_state = kept * before / after;
        let rest = 1.0 - of_state * kept;
        Ok(Self {
            of_state,
            of_data: rest * (1.0 - to),
            of_end: rest * to - of_state * towards,
            variance: before * added / after,
        })
    }
}

/// Draws `x_0` for each `y`, along the Brownian bridge that ends there.
///
/// ```text
/// x_1 = y
/// for each step: x_theta = predict( x_t, y, t ),   x_to ~ q( x_to | x_t, x_theta, y )
/// ```
/// Li et al. 2023 (BBDM), algorithm 2. `predict` returns the data that belongs to `x_t`: from a field of the interpolant it is
/// `x_t - t velocity - gamma z`; it may use `y`, too. `eta` is the share of the fresh noise, 1 for all; with less, as in DDIM, the noise that is
/// missing is that which `x_t` already has. The first step always draws noise, even with an `eta` of 0: `x_1 = y` has none.
///
/// # Shapes
/// `y` and the result: `[N, …]`.
///
/// # Errors
/// [`Error::Config`] for no steps or an `eta` outside `[0, 1]`; those of `predict`.
pub fn brownian_bridge_chain(
    bridge: &BrownianBridge,
    predict: &dyn Fn(&Tensor, &Tensor, f64) -> Result<Tensor>,
    y: &Tensor,
    steps: usize,
    eta: f64,
) -> Result<Tensor> {
    bridge.validate()?;
    if steps == 0 {
        return Err(Error::config("steps of a Brownian bridge", "at least 1", steps));
    }
    if !(0.0..=1.0).contains(&eta) {
        return Err(Error::config("eta of a Brownian bridge", "0 to 1", eta));
    }
    let _no_grad = no_grad_guard();
    let mut x = y.shallow_clone();
    let time = |k: usize| 1.0 - k as f64 / steps as f64;
    for k in 0..steps {
        let (from, to) = (time(k), time(k + 1).max(0.0));
        let x0 = predict(&x, y, from)?;
        let (after, before) = (bridge.variance(from), bridge.variance(to));
        let fresh = eta * eta * BridgePosterior::new(bridge, from, to)?.variance;
        // The noise of x_from, scaled so that together with the fresh noise the variance is that of x_to. Where there is none, it is fresh.
        let (kept, fresh) =
            if after > 0.0 { (((before - fresh).max(0.0) / after).sqrt(), fresh) } else { (0.0, before) };
        let noise = &x - (1.0 - from) * &x0 - from * y;
        let mean = (1.0 - to) * &x0 + to * y + kept * noise;
        x = if fresh > 0.0 { mean + fresh.sqrt() * y.randn_like() } else { mean };
    }
    Ok(x)
}
