//! Solvers of ordinary differential equations, `dx/dt = v(x, t)`, for a batch of samples. They know only tensors.

mod dormand_prince;
mod rk4;

pub use dormand_prince::{DormandPrince, OdeSolution};
pub use rk4::rk4_step;
