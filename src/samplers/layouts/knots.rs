//! `Knots`: given times, such as those that a search has found.

use serde::{Deserialize, Serialize};

use super::StepLayout;
use crate::error::{Error, Result};
use crate::process::Process;

/// Given times, and the curve through them: with one step more than there are knots, a sampler visits the end of the
/// process, the knots and 0; with another number of steps, points of the curve that are equally spaced in its index.
///
/// ```text
/// t_i = T f(i / K),   f(0) = 0,   f(k / n) = knot_k for 0 < k < n,   f(1) = 1,   linear in between
/// ```
/// [`step_search`](crate::step_search) finds and learns knots: Watson et al. 2021, "Learning to Efficiently Sample from Diffusion Probabilistic
/// Models", section 3, and 2022, "Learning Fast Samplers for Diffusion Models by Differentiating Through Sample Quality", section 3. Without knots the steps are equal. Times between the
/// steps of a process that has steps are visited as they are: rounded ones would not be those that were learned.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knots {
    /// The inner times from the data to the noise, as shares of the process: increasing, each above 0 and below 1.
    pub knots: Vec<f64>,
}

impl Knots {
    /// The knots with which a sampler visits these times: from the end of the process down to 0, as those of a
    /// [`StepLayout`].
    ///
    /// # Errors
    /// [`Error::Config`] for times that do not decrease strictly from the end of the process to 0.
    pub fn through(process: &dyn Process, times: &[f64]) -> Result<Self> {
        let end = process.end();
        match times {
            [first, inner @ .., last] if *first == end && *last == 0.0 => {
                let knots = Self { knots: inner.iter().rev().map(|t| t / end).collect() };
                knots.check().map(|()| knots)
            }
            _ => Err(Error::config("times of the knots", format!("from {end} down to 0"), format!("{times:?}"))),
        }
    }

    fn check(&self) -> Result<()> {
        let all = [&[0.0], &self.knots[..], &[1.0]].concat();
        // Comparisons with NaN are false, so it is rejected too.
        if all.windows(2).all(|pair| pair[0] < pair[1]) {
            return Ok(());
        }
        let expected = "shares of the process in increasing order, each above 0 and below 1";
        Err(Error::config("Knots.knots", expected, format!("{:?}", self.knots)))
    }

    /// `f(i / K)`, a share of the process.
    fn share(&self, i: usize, steps: usize) -> f64 {
        let n = self.knots.len() + 1;
        let at = |k: usize| match k {
            0 => 0.0,
            _ => self.knots.get(k - 1).copied().unwrap_or(1.0),
        };
        // In whole numbers, so that the times of the knots themselves are exact.
        let (before, rest) = (i * n / steps, i * n % steps);
        if rest == 0 { at(before) } else { at(before) + (at(before + 1) - at(before)) * rest as f64 / steps as f64 }
    }
}

impl StepLayout for Knots {
    fn times(&self, process: &dyn Process, steps: usize) -> Result<Vec<f64>> {
        self.check()?;
        let time = |i: usize| {
            let t = process.end() * self.share(i, steps);
            // A step of the process as a share of its length, and back, can differ from it by a rounding error.
            let is_step = process.steps().is_some() && (i == 0 || t.round() > 0.0) && (t - t.round()).abs() < 1e-9 * process.end();
            if is_step { t.round() } else { t }
        };
        Ok((0..=steps).rev().map(time).collect())
    }
}
