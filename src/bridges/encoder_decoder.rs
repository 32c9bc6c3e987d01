//! `EncoderDecoder`: from one end to pure noise, and from there to the other.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::{Interpolant, Mix};
use crate::error::Result;

/// A diffusion of `x_0` to pure noise in the first half, and back to `x_1` in the second.
///
/// ```text
/// alpha = cos^2( pi t ) for t < 1/2, else 0,   beta = cos^2( pi t ) for t > 1/2, else 0,   gamma = sin^2( pi t )
/// ```
/// Albergo, Boffi & Vanden-Eijnden 2023, section 4.1. The noise in the middle is a code that both ends share, so a sample is translated as it would
/// be with two diffusions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderDecoder;

impl Interpolant for EncoderDecoder {
    fn mix(&self, t: f64) -> Mix {
        let (sin, cos) = (PI * t).sin_cos();
        let of_ends = [cos * cos, -PI * (2.0 * PI * t).sin()];
        let [[alpha, alpha_slope], [beta, beta_slope]] = match t {
            _ if t < 0.5 => [of_ends, [0.0; 2]],
            _ if t > 0.5 => [[0.0; 2], of_ends],
            _ => [[0.0; 2]; 2],
        };
        // Exactly 0 at the end.
        let gamma = if t == 1.0 { 0.0 } else { sin * sin };
        Mix { alpha, beta, gamma, alpha_slope, beta_slope, gamma_slope_product: gamma * PI * (2.0 * PI * t).sin() }
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }
}
