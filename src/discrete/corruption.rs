//! `Corruption`: what oracles and samplers need to know of a process on categories, with steps or in continuous time.

use std::fmt::Debug;

use tch::{Device, Kind, Tensor};

use super::categorical::draw;
use crate::error::Result;

/// A process that turns data, symbols in `0..S`, into noise: states in `0..K`, where `K = S + 1` if there is a mask. Each token changes
/// independently of the others.
///
/// ```text
/// q(x_t = j | x_0 = i) = [Q_bar_t]_ij
/// ```
/// Austin et al. 2021, equation 3.
pub trait Corruption: Debug {
    /// `S`, the number of symbols.
    fn symbols(&self) -> i64;

    /// The mask, the state that no data has, if there is one: `S`.
    fn mask(&self) -> Option<i64>;

    /// The last time, from which sampling starts.
    fn end(&self) -> f64;

    /// `Q_bar_t`, for a time from 0 to the end.
    ///
    /// # Shapes
    /// Returns `[K, K]` f64, on the CPU; rows sum to 1.
    ///
    /// # Errors
    /// [`Error::Timestep`](crate::Error::Timestep) for another time.
    fn cumulative(&self, t: f64) -> Result<Tensor>;

    /// The distribution that sampling starts from.
    ///
    /// # Shapes
    /// Returns `[K]` f64, on the CPU.
    fn stationary(&self) -> Tensor;

    /// `K`, the number of states.
    fn states(&self) -> i64 {
        self.symbols() + i64::from(self.mask().is_some())
    }

    /// The noise `x_T` that sampling starts from, drawn from libtorch's generator.
    ///
    /// # Shapes
    /// Returns `[n, length]` int64.
    fn draw_end(&self, n: i64, length: i64, device: Device) -> Tensor {
        draw(&self.stationary().to_device(device).expand([n, length, self.states()], false))
    }

    /// The likelihood `q(x_t | x_0)` of each symbol `x_0`.
    ///
    /// # Shapes
    /// `x_t`: `[N, L]` int64. Returns `[N, L, S]` f64.
    ///
    /// # Errors
    /// As [`cumulative`](Self::cumulative).
    fn likelihood(&self, x_t: &Tensor, t: f64) -> Result<Tensor> {
        let columns = self.cumulative(t)?.transpose(0, 1).narrow(1, 0, self.symbols()).contiguous();
        let flat = columns.to_device(x_t.device()).index_select(0, &x_t.flatten(0, -1));
        Ok(flat.view([x_t.size()[0], x_t.size()[1], self.symbols()]).to_kind(Kind::Double))
    }
}
