//! AdamW in one kernel.

use tch::Tensor;

use crate::Outcome;
use crate::library::library;

/// The numbers of a step of AdamW.
#[derive(Debug, Clone, Copy)]
pub struct AdamWStep {
    /// The number of the step, from 1.
    pub k: u64,
    /// The learning rate.
    pub learning_rate: f64,
    /// The decays of the two moments.
    pub betas: [f64; 2],
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// What keeps the denominator above 0.
    pub eps: f64,
    /// What the gradient is divided by first: more than 1 to clip it.
    pub divisor: f64,
}

/// Updates parameters and their moments in place, and writes into the gradient: libtorch's `_fused_adamw_`, the step of PyTorch's
/// `AdamW(fused=True)`.
///
/// # Shapes
/// `theta`, `gradient`, `m`, `v`: alike, f32, on one GPU.
///
/// # Errors
/// What libtorch says; that [it is not there](crate::available).
pub fn fused_adamw(step: &AdamWStep, theta: &Tensor, gradient: &Tensor, m: &Tensor, v: &Tensor) -> Outcome<()> {
    let (library, [beta_1, beta_2]) = (library()?, step.betas);
    // SAFETY: four tensors that live until it returns, and numbers.
    library.said(unsafe {
        (library.adamw)(
            theta.as_ptr(),
            gradient.as_ptr(),
            m.as_ptr(),
            v.as_ptr(),
            step.k as f32,
            step.learning_rate,
            beta_1,
            beta_2,
            step.weight_decay,
            step.eps,
            step.divisor,
        )
    })
}
