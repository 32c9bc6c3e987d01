//! `Mixing`: how a prediction of the data becomes a step back.

/// How the prediction of `x_0` and the process make `p_theta(x_{t-1} | x_t)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mixing {
    /// The mean of the posteriors: `sum_{x_0} q(x_{t-1} | x_t, x_0) p_theta(x_0 | x_t)`. It is exact for the exact `p(x_0 | x_t)`.
    #[default]
    Posteriors,
    /// `p_theta(x_{t-1} | x_t)` in proportion to `sum_{x_0} q(x_{t-1}, x_t | x_0) p_theta(x_0 | x_t)`. Austin et al. 2021, equation 4; Hoogeboom et
    /// al. 2021, section 4. The two agree for a mask. For other transitions, it is exact for a `p_theta` that is not `p(x_0 | x_t)` but
    /// proportional to `p(x_0 | x_t) / q(x_t | x_0)`; the cross-entropy asks for the former, and the bound for the latter.
    Joint,
}
