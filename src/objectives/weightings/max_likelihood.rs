//! `MaxLikelihood`: the weighting with which the loss bounds the likelihood.

use serde::{Deserialize, Serialize};

use super::Weighting;
use crate::process::Process;

/// `w = g^2 / s^2`, where `g` is the diffusion coefficient of the process: up to a constant, the loss is then twice a bound on the
/// negative log likelihood. Since `g^2 = - s^2 d ln SNR / dt`, the weight is the rate at which the log signal-to-noise ratio falls.
///
/// Song, Durkan, Murray & Ermon 2021, "Maximum Likelihood Training of Score-Based Diffusion Models", equation 7; Kingma et al. 2021, equation 18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxLikelihood;

impl Weighting for MaxLikelihood {
    fn weight(&self, process: &dyn Process, t: f64) -> f64 {
        // A discrete process interpolates between its steps: the rate at a step is the mean of those before and after it.
        let stride = 1e-4 * process.end().min(t);
        let (before, after) = (t - stride, (t + stride).min(process.end()));
        (process.log_snr(before) - process.log_snr(after)) / (after - before)
    }
}
