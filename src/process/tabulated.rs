//! `Tabulated`: a variance-preserving process with a table of signal-to-noise ratios, such as a learned schedule.

use serde::{Deserialize, Serialize};

use super::{Process, ProcessSettings};
use crate::error::{Result, require};

/// `a^2 + s^2 = 1`, with given logarithms of the signal-to-noise ratio at equal distances in time: the form in which a
/// [learned schedule](crate::learned_schedules::LearnedSchedule) is kept. `t` runs from 0 to 1; before the first time, the noise rises in
/// proportion to `t`.
///
/// ```text
/// a(t)^2 = sigmoid( lambda(t) ),   s(t)^2 = sigmoid( -lambda(t) )
/// lambda is linear between the times 1/1000 + 999/1000 i / (K - 1), i = 0 … K - 1, where it has the K given values
/// ```
/// Kingma et al. 2021, section 3.1, whose `gamma` is `-lambda`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tabulated {
    /// The logarithms of the signal-to-noise ratio: at least two, decreasing.
    pub log_snrs: Vec<f64>,
}

/// The first time of the table.
const FIRST: f64 = 0.001;

/// The range of the logarithm of the signal-to-noise ratio with which Kingma et al. start, appendix B. Networks get the time as the place in it,
/// so that two schedules ask the same network about the same noise level.
const HIGHEST: f64 = 13.3;
const LOWEST: f64 = -5.0;

impl Default for Tabulated {
    fn default() -> Self {
        Self { log_snrs: vec![HIGHEST, LOWEST] }
    }
}

impl Tabulated {
    /// The time input of networks for this logarithm of the signal-to-noise ratio.
    pub fn network_time_of(log_snr: f64) -> f64 {
        1000.0 * (HIGHEST - log_snr) / (HIGHEST - LOWEST)
    }

    /// The times of the table.
    pub fn times(knots: usize) -> impl Iterator<Item = f64> {
        (0..knots).map(move |i| FIRST + (1.0 - FIRST) * i as f64 / (knots - 1) as f64)
    }

    fn lambda(&self, t: f64) -> f64 {
        let first = self.log_snrs[0];
        if t <= FIRST {
            // s in proportion to t, as good as exactly where there is little noise.
            return first + 2.0 * (FIRST / t).ln();
        }
        let place = (t - FIRST) / (1.0 - FIRST) * (self.log_snrs.len() - 1) as f64;
        let i = (place as usize).min(self.log_snrs.len() - 2);
        self.log_snrs[i] + (place - i as f64) * (self.log_snrs[i + 1] - self.log_snrs[i])
    }
}

impl Process for Tabulated {
    fn signal(&self, t: f64) -> f64 {
        (1.0 + (-self.lambda(t)).exp()).powf(-0.5)
    }

    fn noise(&self, t: f64) -> f64 {
        (1.0 + self.lambda(t).exp()).powf(-0.5)
    }

    fn end(&self) -> f64 {
        1.0
    }

    fn steps(&self) -> Option<usize> {
        None
    }

    fn log_snr(&self, t: f64) -> f64 {
        self.lambda(t)
    }

    fn network_time(&self, t: f64) -> f64 {
        Self::network_time_of(self.lambda(t))
    }
}

impl ProcessSettings for Tabulated {
    fn process(&self) -> Result<Box<dyn Process>> {
        let finite = self.log_snrs.iter().all(|lambda| lambda.is_finite());
        let decrease = self.log_snrs.windows(2).all(|pair| pair[0] > pair[1]);
        let got = || format!("{} numbers{}", self.log_snrs.len(), if decrease { "" } else { ", not decreasing" });
        require(self.log_snrs.len() >= 2 && finite && decrease, "Tabulated.log_snrs", "at least two decreasing numbers", got())?;
        Ok(Box::new(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_values_at_its_times_and_is_linear_between_them() {
        let table = Tabulated { log_snrs: vec![8.0, 2.0, 1.0, -6.0] };
        for (t, lambda) in Tabulated::times(4).zip(&table.log_snrs) {
            assert!((table.log_snr(t) - lambda).abs() < 1e-9, "{t}");
        }
        let middle = FIRST + (1.0 - FIRST) / 2.0;
        assert!((table.log_snr(middle) - 1.5).abs() < 1e-9);
        assert!((table.noise(FIRST / 2.0) / table.noise(FIRST) - 0.5).abs() < 1e-3);
        for refused in [vec![], vec![1.0], vec![1.0, 1.0], vec![2.0, f64::NAN]] {
            assert!(Tabulated { log_snrs: refused }.process().is_err());
        }
    }
}
