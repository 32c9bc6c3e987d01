//! How likely data is under a model: the variational bound, its terms, and what training on them needs.

mod bound;
mod each;
mod terms;

pub use bound::{Bound, Likelihood, Term, Terms};
pub use each::nats_of_each;
pub use terms::Values;
