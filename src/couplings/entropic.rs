//! `EntropicTransport`: any noise, but nearer noise is more likely.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Coupling, Sinkhorn, check_pairs};
use crate::error::{Result, require};

/// Draws the noise of each sample from the entropic optimal transport between the data and the noise of a batch.
///
/// ```text
/// eps_i ~ P( . | x0_i ),   P = Sinkhorn( |x0 - eps|^2 / 2, epsilon D )
/// ```
/// Tong et al. 2024, section 3.2: with `epsilon D = sigma^2`, these are the ends of the Schrödinger bridge of Brownian motion of variance
/// `sigma^2`. `D` is how many numbers a sample has: the costs are about in proportion to it. In between the coupling independent (large `epsilon`) and
/// optimal-transport (small). Some noise of the batch is drawn twice, and some not. If `epsilon` is so small that the iterations do not converge, the
/// noise is drawn from the plan that they have led to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EntropicTransport {
    /// `epsilon`, for each number of a sample, above 0.
    pub epsilon: f64,
}

impl Default for EntropicTransport {
    fn default() -> Self {
        Self { epsilon: 0.1 }
    }
}

/// How exact the marginals of a batch have to be.
const TOLERANCE: f64 = 0.01;

/// The most iterations for a batch.
const ITERATIONS: usize = 1000;

impl Coupling for EntropicTransport {
    fn pair(&self, x0: &Tensor, eps: &Tensor) -> Result<Tensor> {
        check_pairs(x0, eps)?;
        let numbers: i64 = x0.size()[1..].iter().product();
        let epsilon = self.epsilon * numbers as f64;
        let sinkhorn = Sinkhorn { epsilon, iterations: ITERATIONS, tolerance: TOLERANCE };
        let partners = sinkhorn.best_plan(x0, eps)?.draw();
        Ok(eps.index_select(0, &partners.to_device(eps.device())))
    }

    fn validate(&self) -> Result<()> {
        let is_valid = self.epsilon > 0.0 && self.epsilon.is_finite();
        require(is_valid, "EntropicTransport.epsilon", "above 0", self.epsilon)
    }
}
