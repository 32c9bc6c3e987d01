//! Categorical distributions: drawing from them, and the divergence between them.

use tch::{Kind, Tensor};

/// Draws a category for each token, from libtorch's generator.
///
/// # Shapes
/// `probabilities`: `[N, L, K]`. Returns `[N, L]` int64.
pub(super) fn draw(probabilities: &Tensor) -> Tensor {
    let size = probabilities.size();
    probabilities.reshape([-1, size[2]]).multinomial(1, true).view([size[0], size[1]])
}

/// The divergence of each token, in nats.
///
/// ```text
/// KL( q || p ) = sum_k q_k ( ln q_k - ln p_k )
/// ```
/// # Shapes
/// `q`, `p`: `[N, L, K]`. Returns `[N, L]`.
pub(super) fn divergence(q: &Tensor, p: &Tensor) -> Tensor {
    // The derivative of 0 ln 0 would be NaN.
    let log = |of: &Tensor| of.clamp_min(1e-300).log();
    (q * (log(q) - log(p))).sum_dim_intlist(-1, false, Kind::Double)
}

/// Rows that sum to 1; rows of zeros stay as they are.
pub(super) fn normalized(weights: &Tensor) -> Tensor {
    weights / weights.sum_dim_intlist(-1, true, Kind::Double).clamp_min(1e-300)
}
