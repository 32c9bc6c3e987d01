//! Critically damped Langevin diffusion: every number of a sample has a velocity, and only velocities get noise. The network learns the score of
//! the velocity given the position, which stays smooth where the score of the data does not.

mod learner;
mod oracle;
mod process;
mod sampler;
mod score;

pub use learner::HsmLearner;
pub use oracle::DampedGaussianOracle;
pub use process::{Covariance, CriticallyDamped, DampedKernel};
pub use sampler::{DampedChain, DampedMethod, DampedSampler, DampedState};
pub use score::{DampedNetwork, VelocityScore};
