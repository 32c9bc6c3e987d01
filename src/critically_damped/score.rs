//! `VelocityScore`: what the sampler sees of a model; and a network as one.

use tch::{Kind, Tensor};

use super::process::CriticallyDamped;
use crate::error::{Error, Result};
use crate::networks::{Given, Network};

/// The score of the velocity: the gradient of the log density of position and velocity with respect to the velocity.
pub trait VelocityScore {
    /// `grad_v ln p( x, v )` at the time `t`, above 0 and up to 1, for all samples.
    ///
    /// # Shapes
    /// `x`, `v`: `[N, …]`, in f32 or f64, as the result.
    ///
    /// # Errors
    /// [`Error::Timestep`] for a time outside the process; errors of the implementation.
    fn score(&self, x: &Tensor, v: &Tensor, t: f64) -> Result<Tensor>;
}

/// A network that predicts the noise in the velocity. It takes positions and velocities side by side, along the channels; of its output, which is
/// shaped like this input, the second half is read.
///
/// ```text
/// score = - l_t eps_theta( x_t, v_t, t )
/// ```
/// Dockhorn et al. 2022, section 3.2.
pub struct DampedNetwork<'a> {
    network: &'a dyn Network,
    process: &'a CriticallyDamped,
}

impl<'a> DampedNetwork<'a> {
    /// This network, on the process that it was trained on.
    pub fn new(network: &'a dyn Network, process: &'a CriticallyDamped) -> Self {
        Self { network, process }
    }
}

impl VelocityScore for DampedNetwork<'_> {
    fn score(&self, x: &Tensor, v: &Tensor, t: f64) -> Result<Tensor> {
        CriticallyDamped::check_time(t)?;
        let n = x.size()[0];
        let time = CriticallyDamped::network_times(&[t], x).expand([n], false);
        let eps = predicted_noise(self.network, x, v, &time, &Given::default())?;
        Ok(-self.process.score_factor(t) * eps)
    }
}

/// `eps_theta`, the noise that a network predicts in the velocity.
///
/// # Shapes
/// `x`, `v`: `[N, …]`; `time`: `[N]`. Returns a tensor shaped like `v`.
pub(super) fn predicted_noise(
    network: &dyn Network,
    x: &Tensor,
    v: &Tensor,
    time: &Tensor,
    given: &Given,
) -> Result<Tensor> {
    check_shape(network, "samples for this network", &x.size())?;
    let both = Tensor::cat(&[x, v], 1).to_kind(Kind::Float);
    let output = network.forward(&both, time, given);
    if output.size() != both.size() {
        let expected = format!("{:?}, that of positions and velocities", both.size());
        return Err(Error::Shape { what: "the network's prediction", expected, got: output.size() });
    }
    let half = x.size()[1];
    Ok(output.narrow(1, half, half).to_kind(v.kind()))
}

/// Rejects samples that do not have half of the network's channels.
pub(super) fn check_shape(network: &dyn Network, what: &'static str, got: &[i64]) -> Result<()> {
    let mut shape = network.sample_shape();
    let is_even = shape[0] % 2 == 0;
    shape[0] /= 2;
    if is_even && got.get(1..) == Some(&shape[..]) {
        return Ok(());
    }
    let expected = format!(
        "[N, …] with half of the numbers {:?} of this network, which takes velocities, too",
        network.sample_shape()
    );
    Err(Error::Shape { what, expected, got: got.to_vec() })
}
