//! How likely data is under a model: the variational bound, its terms, and what training on them needs; and the likelihood itself, by the
//! probability-flow ODE.

mod bound;
mod each;
mod ode;
mod terms;

pub use bound::{Bound, Likelihood, Term, Terms};
pub use each::nats_of_each;
pub use ode::{OdeBatches, OdeLikelihood, OdeNats};
pub use terms::Values;

use crate::error::Result;
use crate::process::{Process, require_gaussian};

/// Rejects a process whose noise is not Gaussian: the terms of the bound are divergences of Gaussians.
pub(crate) fn require_gaussian_noise(process: &dyn Process) -> Result<()> {
    require_gaussian(process, "the bound of the likelihood")
}
