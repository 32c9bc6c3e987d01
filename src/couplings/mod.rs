//! Couplings: which noise belongs to which sample of a training batch.

mod sinkhorn;

use std::fmt::Debug;

use tch::{Tensor, no_grad_guard};

pub use sinkhorn::{Sinkhorn, TransportPlan};

use crate::catalogue::catalogue;
use crate::error::{Error, Result};

/// A joint distribution of data and noise, whose marginals are those of the data and of the noise.
///
/// [Flow matching](crate::objectives::FlowMatching) learns the mean velocity of the lines between the pairs. Every coupling has the same
/// distributions at both ends, and with straighter mean paths a sampler needs fewer steps. With any other coupling than the independent one,
/// the noise in `x_t` is not independent of the data: what follows from that, the score and samplers with fresh noise, no longer holds.
/// Tong et al. 2024, section 3.
pub trait Coupling: Debug {
    /// The noise of each sample: rows of `eps`, in the order in which they belong to the rows of `x0`.
    ///
    /// # Shapes
    /// `x0`, `eps` and the result: `[B, …]`, all alike.
    ///
    /// # Errors
    /// [`Error::Shape`] if the two differ; [`Error::DataNotFinite`] for NaN or infinity; [`Error::Unsupported`] for a coupling that comes with the
    /// data.
    fn pair(&self, x0: &Tensor, eps: &Tensor) -> Result<Tensor>;

    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first invalid setting.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// The declared properties of a coupling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CouplingProperties {
    /// Whether the noise does not depend on the data.
    pub is_independent: bool,
    /// Whether the mean of `|x0 - eps|^2` over the pairs of a batch is the least that is possible. On a line, both are then in the same order.
    pub has_least_cost: bool,
    /// Whether the pairs have every noise of the batch once.
    pub keeps_every_noise: bool,
    /// Whether it is found for each batch; otherwise it comes with the data.
    pub is_found: bool,
}

catalogue! {
    /// A coupling with its settings.
    CouplingConfig of "FlowMatching.coupling", is Coupling, declares CouplingProperties;
    independent::Independent, "independent": "any noise with any sample", "Liu et al. 2023, section 2.1",
        { is_independent: true, has_least_cost: false, keeps_every_noise: true, is_found: true };
    optimal_transport::OptimalTransport, "optimal-transport": "the noise of a batch goes to the samples at the least cost", "Pooladian et al. 2023, section 4; Tong et al. 2024, section 3.2",
        { is_independent: false, has_least_cost: true, keeps_every_noise: true, is_found: true };
    entropic::EntropicTransport, "entropic": "any noise, but nearer noise is more likely", "Tong et al. 2024, section 3.2",
        { is_independent: false, has_least_cost: false, keeps_every_noise: false, is_found: true };
    given::GivenPairs, "given": "the noise comes with the data, as in reflow", "Liu et al. 2023, section 2.1",
        { is_independent: false, has_least_cost: false, keeps_every_noise: true, is_found: false };
}

/// Rejects data and noise that no cost can be computed for.
fn check_pairs(x0: &Tensor, eps: &Tensor) -> Result<()> {
    if x0.size() != eps.size() || x0.dim() < 2 {
        let expected = format!("{:?}, the shape of the data: [B, …]", x0.size());
        return Err(Error::Shape { what: "noise to be paired with data", expected, got: eps.size() });
    }
    let _no_grad = no_grad_guard();
    for (what, of) in [("data to be paired with noise", x0), ("noise to be paired with data", eps)] {
        let broken = of.isfinite().logical_not().nonzero();
        let count = broken.size()[0];
        if count > 0 {
            let first_row = broken.int64_value(&[0, 0]);
            return Err(Error::DataNotFinite { what, count, total: of.numel() as i64, first_row });
        }
    }
    Ok(())
}

impl Default for CouplingConfig {
    fn default() -> Self {
        Independent.into()
    }
}
