//! What a sampler of bridges sees: the mean velocity and the mean noise at each point.

use tch::{Kind, Tensor};

use super::Interpolant;
use super::ends::network_times;
use crate::error::{Error, Result};
use crate::networks::{Given, Network};

/// The means over all paths of an interpolant that pass a point.
pub trait InterpolantField {
    /// The means at the points `x`, all at the time `t`.
    ///
    /// # Shapes
    /// `x`: `[N, …]`, f32 or f64, like both results.
    ///
    /// # Errors
    /// [`Error::Shape`] for points of another shape; errors of the implementation.
    fn means(&self, x: &Tensor, t: f64) -> Result<Means>;
}

/// The means at some points, from which the flow and the SDE follow.
///
/// ```text
/// b(x, t) = velocity + gamma' z,   score(x, t) = - z / gamma
/// ```
/// Albergo, Boffi & Vanden-Eijnden 2023, theorems 2.6 and 2.8.
#[derive(Debug)]
pub struct Means {
    /// `E[ alpha' x_0 + beta' x_1 | x_t = x ]`
    pub velocity: Tensor,
    /// `E[ z | x_t = x ]`; `None` for an interpolant without noise.
    pub z: Option<Tensor>,
}

/// A network whose output is the velocity or, for an interpolant with noise, the velocity and `z`, concatenated along dimension 1.
pub struct NetworkField<'a> {
    network: &'a dyn Network,
    has_noise: bool,
}

/// Whether there is noise between the ends.
pub(super) fn has_noise(interpolant: &dyn Interpolant) -> bool {
    interpolant.mix(0.5).gamma > 0.0
}

impl<'a> NetworkField<'a> {
    /// This network, which was trained by an [`InterpolantLearner`](super::InterpolantLearner) with this interpolant.
    pub fn new(network: &'a dyn Network, interpolant: &dyn Interpolant) -> Self {
        Self { network, has_noise: has_noise(interpolant) }
    }

    /// The means with a time for each point.
    pub(super) fn at_each(&self, x: &Tensor, t: &[f64], given: &Given) -> Result<Means> {
        let output = self.network.forward(&x.to_kind(Kind::Float), &network_times(t, x), given).to_kind(x.kind());
        let width = x.size()[1];
        let mut shape = x.size();
        shape[1] *= if self.has_noise { 2 } else { 1 };
        if output.size() != shape {
            let expected = match self.has_noise {
                true => format!("{shape:?}, the velocity and the noise: a network with 2 outputs"),
                false => format!("{shape:?}, the velocity"),
            };
            return Err(Error::Shape { what: "the network's prediction", expected, got: output.size() });
        }
        let z = self.has_noise.then(|| output.narrow(1, width, width));
        Ok(Means { velocity: output.narrow(1, 0, width), z })
    }
}

impl InterpolantField for NetworkField<'_> {
    fn means(&self, x: &Tensor, t: f64) -> Result<Means> {
        let n = x.size()[0] as usize;
        self.at_each(x, &vec![t; n], &Given::default())
    }
}
