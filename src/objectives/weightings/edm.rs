//! `EdmWeight`: all errors of a preconditioned output count equally.

use serde::{Deserialize, Serialize};

use super::{Weighting, snr};
use crate::error::{Result, require};
use crate::process::Process;

/// `w = ( SNR + 1 / sigma_data^2 ) / SNR`, equivalent to weighting the error of the data by
/// `lambda = ( sigma^2 + sigma_data^2 ) / ( sigma sigma_data )^2`, and to the unweighted error of the output of
/// [`Edm`](crate::parameterizations::Edm): `lambda c_out^2 = 1`.
///
/// Karras et al. 2022, table 1 and section 5.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdmWeight {
    /// The standard deviation of the data, above 0.
    pub sigma_data: f64,
}

impl Default for EdmWeight {
    fn default() -> Self {
        Self { sigma_data: 0.5 }
    }
}

impl Weighting for EdmWeight {
    fn weight(&self, process: &dyn Process, t: f64) -> f64 {
        1.0 + 1.0 / (snr(process, t) * self.sigma_data.powi(2))
    }

    fn validate(&self) -> Result<()> {
        let possible = self.sigma_data > 0.0 && self.sigma_data.is_finite();
        require(possible, "EdmWeight.sigma_data", "above 0", self.sigma_data)
    }
}
