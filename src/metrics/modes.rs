//! Which modes of a distribution the samples cover.

use serde::Serialize;
use tch::{Kind, Tensor, no_grad_guard};

use super::pairs::{distances, parts};
use super::sets::compared;
use crate::error::{Result, require};

/// What [`modes_covered`] finds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModesCovered {
    /// How many modes have a sample near them.
    pub covered: usize,
    /// For each mode, the share of all samples that are near it, and nearer to it than to any other mode.
    pub shares: Vec<f64>,
}

impl ModesCovered {
    /// The share of the samples that are near some mode.
    pub fn share_near(&self) -> f64 {
        self.shares.iter().sum()
    }
}

/// The modes that have a sample within the distance `within`: for a mixture of Gaussians, usually three standard
/// deviations. Srivastava et al. 2017, section 4.
///
/// # Shapes
/// `samples`: `[N, D]`, `modes`: `[K, D]`.
///
/// # Errors
/// Those of [`Metric::compare`](super::Metric::compare).
pub fn modes_covered(samples: &Tensor, modes: &Tensor, within: f64) -> Result<ModesCovered> {
    let _no_grad = no_grad_guard();
    require(within >= 0.0, "distance to a mode", "at least 0", within)?;
    let (samples, modes) = compared(samples, modes, 1)?;
    let (n, k) = (samples.size()[0], modes.size()[0]);
    let mut counts = Tensor::zeros([k], (Kind::Int64, samples.device()));
    for (_, rows) in parts(&samples, k) {
        let (distance, mode) = distances(&rows, &modes).min_dim(1, false);
        counts += mode.masked_select(&distance.le(within)).bincount::<Tensor>(None, k);
    }
    let counts: Vec<i64> = Vec::try_from(counts)?;
    let covered = counts.iter().filter(|count| **count > 0).count();
    Ok(ModesCovered { covered, shares: counts.iter().map(|count| *count as f64 / n as f64).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_counts_where_a_sample_is_near_it_and_nearest_to_it() {
        let modes = Tensor::from_slice(&[0.0, 0.0, 1.0, 0.0, 5.0, 5.0]).view([3, 2]);
        let samples = Tensor::from_slice(&[0.1, 0.0, 0.0, 0.3, 0.6, 0.0, 9.0, 9.0]).view([4, 2]);
        let found = modes_covered(&samples, &modes, 0.5).unwrap();
        assert_eq!(found, ModesCovered { covered: 2, shares: vec![0.5, 0.25, 0.0] });
        assert_eq!(found.share_near(), 0.75);
        assert_eq!(modes_covered(&samples, &modes, 0.2).unwrap().covered, 1);
        assert!(modes_covered(&samples, &modes, f64::NAN).is_err());
    }
}
