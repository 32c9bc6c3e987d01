//! Guidance: denoisers around denoisers that steer samples towards a class, a text or any other wish, and away from others.
//! Every one of them works with a network and with an oracle alike, in every sampler.

mod gradient;
mod methods;
mod rescale;

pub use gradient::LogProbability;
use methods::methods;
pub use rescale::rescaled;

use crate::error::{Error, Result};
use crate::process::{Process, require_gaussian};

/// The declared properties of a method of guidance. For all methods, data and noise add up to `x_t`, gradients with respect to `x_t` are
/// kept, and without strength the result is that of the denoiser inside, to the last bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuidanceProperties {
    /// How many times it calls denoisers at each time, with one condition.
    pub denoiser_calls: u64,
    /// Whether it differentiates with respect to `x_t`, so that the denoiser or a classifier has to keep gradients.
    pub differentiates: bool,
}

methods! {
    /// The methods of this room.
    Guidance, declares GuidanceProperties;
    classifier::{ClassifierGuided}, "classifier": "the gradient of a classifier of noisy samples", "Dhariwal & Nichol 2021, algorithm 2",
        { denoiser_calls: 1, differentiates: true };
    predicted::{PredictedGuided}, "predicted": "the gradient of a function of the predicted data", "Bansal et al. 2023, section 3.1",
        { denoiser_calls: 1, differentiates: true };
    classifier_free::{ClassifierFree}, "classifier-free": "away from a denoiser without the condition", "Ho & Salimans 2022, equation 6",
        { denoiser_calls: 2, differentiates: false };
    autoguidance::{autoguided}, "autoguidance": "away from a worse version of the same model", "Karras et al. 2024 (Autoguidance), section 4",
        { denoiser_calls: 2, differentiates: false };
    interval::{Interval, Within}, "interval": "guidance at some noise levels only", "Kynkäänniemi et al. 2024, section 3",
        { denoiser_calls: 1, differentiates: false };
    thresholded::{Thresholded}, "dynamic-thresholding": "predicted data is scaled back into the range", "Saharia et al. 2022 (Imagen), section 2.3",
        { denoiser_calls: 1, differentiates: false };
    composition::{Composed}, "composition": "several conditions at once (AND), and without some (NOT)", "Liu et al. 2022 (Composable), algorithm 1",
        { denoiser_calls: 2, differentiates: false };
    any_of::{AnyOf}, "any-of": "one of several conditions (OR): the mixture of their densities", "Du et al. 2023, section 3",
        { denoiser_calls: 2, differentiates: false };
    low_density::{Hardness}, "low-density": "towards samples that are rare in the data", "Sehwag et al. 2022, section 3",
        { denoiser_calls: 1, differentiates: true };
    masked::{Blended}, "masked": "inside a mask only: outside of it an image stays as it is", "Avrahami et al. 2022, section 3.2",
        { denoiser_calls: 1, differentiates: false };
    counterfactual::{Counterfactual, counterfactual}, "counterfactual": "the same sample with another condition: encode, guide, go back",
        "Sanchez & Tsaftaris 2022, algorithm 1", { denoiser_calls: 1, differentiates: false };
}

/// Rejects a process whose noise does not determine the score, for `what`, which needs that. Noise that differs between coordinates is Gaussian.
fn require_score(process: &dyn Process, what: &str) -> Result<()> {
    if process.is_scalar() { require_gaussian(process, what) } else { Ok(()) }
}

/// Rejects a strength that is not finite.
fn check_strength(field: &'static str, strength: f64) -> Result<f64> {
    if strength.is_finite() {
        return Ok(strength);
    }
    Err(Error::config(field, "a finite number, such as 0 (none) or 2", strength))
}
