//! `ClassifierTwoSample`: whether a classifier can distinguish the sets.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad_guard};

use super::Metric;
use super::neighbours::mean;
use super::pairs::{distances, for_rows};
use super::sets::{compared, shuffled};
use crate::error::Result;

/// The accuracy of a classifier that assigns vectors to the two sets, after it has seen other vectors of both: 0.5 if
/// it cannot distinguish them, 1 if it always can.
///
/// It is a `k`-nearest-neighbour classifier: half of the vectors are its training set, and `k` is the root of their
/// number. It needs no training and no tuning, and detects any difference if the sets are large enough; Lopez-Paz &
/// Oquab 2017, section 3, suggest it as an alternative to a network. Ties count as half right. If the sets differ in
/// size, part of the larger one is left out. Each set needs at least four vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassifierTwoSample {
    /// The seed that determines which half is the training set.
    pub seed: u64,
}

impl Metric for ClassifierTwoSample {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
        let _no_grad = no_grad_guard();
        let (a, b) = compared(a, b, 4)?;
        let n = a.size()[0].min(b.size()[0]);
        // In the same order, so that the training set contains the same half of two equal sets.
        let (a, b) = (shuffled(&a, self.seed, 0), shuffled(&b, self.seed, 0));
        let seen = n / 2;
        let known = Tensor::cat(&[a.narrow(0, 0, seen), b.narrow(0, 0, seen)], 0);
        let is_of_a = Tensor::zeros([2 * seen], (Kind::Double, known.device()));
        let _ = is_of_a.narrow(0, 0, seen).fill_(1.0);
        let k = (2 * seen).isqrt();
        let share_of_a = |rows: &Tensor| {
            let (_, nearest) = distances(rows, &known).topk(k, 1, false, false);
            is_of_a.take(&nearest).mean_dim([1].as_slice(), false, Kind::Double)
        };
        let votes = |x: &Tensor| {
            let unseen = x.narrow(0, seen, n - seen);
            (for_rows(&unseen, 2 * seen, Kind::Double, &share_of_a) - 0.5).sign()
        };
        Ok(0.5 + 0.25 * (mean(&votes(&a)) - mean(&votes(&b))))
    }

    fn lower_is_better(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::random::{Draws, Stream};

    #[test]
    fn equal_sets_are_distinguished_only_by_chance_and_distant_ones_always() {
        let a = Draws::new(3, Stream::FreshData, 0).normal(&[50, 2], Device::Cpu);
        let metric = ClassifierTwoSample { seed: 1 };
        assert_eq!(metric.compare(&a, &a).unwrap(), 0.5);
        assert_eq!(metric.compare(&a, &(&a + 20.0)).unwrap(), 1.0);
        assert_eq!(metric.compare(&a, &(&a.narrow(0, 0, 30) + 20.0)).unwrap(), 1.0);
    }
}
