//! How data becomes noise: `x_t = a(t) x_0 + s(t) eps`. [`ConstantsManager`] is the process of Ho et al. 2020, with `t = 1 … T`.

mod constants;
mod forward;
mod level;
mod schedule;
mod times;

pub use constants::ConstantsManager;
pub use forward::{add_noise, forward_diffusion, forward_step};
pub use level::Level;
pub use schedule::NoiseSchedule;
pub(crate) use times::{is_shared, shared_time};

/// A diffusion process: how much of the data is left at time `t`, and how much noise there is.
///
/// ```text
/// x_t = a(t) x_0 + s(t) eps,   eps ~ N(0, I)
/// ```
/// Times are real numbers from 0, where there is no noise, to [`end`](Process::end). Everything is computed in f64.
pub trait Process {
    /// `a(t)`, the factor of `x_0`, for `t` from 0 to the end; 1 at `t = 0`.
    fn signal(&self, t: f64) -> f64;

    /// `s(t)`, the standard deviation of the noise, for `t` from 0 to the end; 0 at `t = 0`.
    fn noise(&self, t: f64) -> f64;

    /// The last time, where sampling starts from pure noise.
    fn end(&self) -> f64;

    /// `T`, where a network is trained at the times `1, 2, …, T` alone; none where it is at all times up to the end.
    fn steps(&self) -> Option<usize>;

    /// The standard deviation of the noise that sampling starts from: 1, unless the process ends with more or less.
    fn noise_at_end(&self) -> f64 {
        1.0
    }
}
