//! The permutation test: do two sets come from different distributions?

use tch::{Tensor, no_grad_guard};

use super::Metric;
use super::sets::{compared, shuffled};
use crate::error::{Result, require};

/// Tests whether two sets come from the same distribution. Returns `p`, the probability that two sets of the same
/// distribution differ as much by this metric as these do, or more: a small `p` means that the distributions differ.
/// The vectors of both sets are randomly reassigned to sets of the same sizes, `permutations` times:
///
/// ```text
/// p = ( 1 + number of reassignments that differ at least as much ) / ( 1 + permutations )
/// ```
/// For equal distributions `p` is uniform, so `p <= 0.05` happens in one case of 20. It is at least
/// `1 / (1 + permutations)`: a `p` of 0.01 needs 99 permutations or more. Each takes as long as comparing the sets
/// once. Gretton et al. 2012, section 5; Phipson & Smyth 2010, equation 2.
///
/// The test is one-sided: with a metric such as density, for which higher is better, it does not detect samples that
/// are too good.
///
/// # Shapes
/// `a`: `[N, D]`, `b`: `[M, D]`.
///
/// # Errors
/// Those of [`Metric::compare`]; [`Error::Config`](crate::Error::Config) for 0 permutations.
pub fn permutation_test(metric: &dyn Metric, a: &Tensor, b: &Tensor, permutations: usize, seed: u64) -> Result<f64> {
    require(permutations >= 1, "permutations", "at least 1", permutations)?;
    let _no_grad = no_grad_guard();
    let (a, b) = compared(a, b, 1)?;
    let (n, m) = (a.size()[0], b.size()[0]);
    let difference = |a: &Tensor, b: &Tensor| -> Result<f64> {
        let value = metric.compare(a, b)?;
        Ok(if metric.lower_is_better() { value } else { -value })
    };
    let observed = difference(&a, &b)?;
    let all = Tensor::cat(&[a, b], 0);
    let mut at_least = 1;
    for k in 0..permutations {
        let reassigned = shuffled(&all, seed, k as u64);
        if difference(&reassigned.narrow(0, 0, n), &reassigned.narrow(0, n, m))? >= observed {
            at_least += 1;
        }
    }
    Ok(f64::from(at_least) / (permutations + 1) as f64)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::metrics::{ClassifierTwoSample, Coverage, EnergyDistance, Mmd};
    use crate::random::{Draws, Stream};

    fn draw(n: i64, k: u64) -> Tensor {
        Draws::new(9, Stream::FreshData, k).normal(&[n, 2], Device::Cpu)
    }

    /// With 19 permutations and equal distributions, `p` is 1/20, 2/20 … 1, each equally often.
    #[test]
    fn p_is_uniform_for_equal_distributions() {
        let tests = 160;
        let p = |k| permutation_test(&EnergyDistance, &draw(12, 2 * k), &draw(9, 2 * k + 1), 19, k).unwrap();
        let all: Vec<f64> = (0..tests).map(p).collect();
        let mean = all.iter().sum::<f64>() / tests as f64;
        // Mean 0.525, standard deviation sqrt( (20^2 - 1) / 12 ) / 20 = 0.288.
        assert!((mean - 0.525).abs() < 4.0 * 0.288 / (tests as f64).sqrt(), "{mean}");
        for share in [0.25, 0.5, 0.75] {
            let below = all.iter().filter(|p| **p < share + 0.01).count() as f64 / tests as f64;
            assert!((below - share).abs() < 4.0 * (share * (1.0 - share) / tests as f64).sqrt(), "{share}: {below}");
        }
    }

    #[test]
    fn p_is_small_after_a_shift_for_distances_and_shares() {
        let (a, b) = (draw(40, 0), draw(30, 1) + 1.5);
        let metrics: [&dyn Metric; 4] =
            [&Mmd::default(), &EnergyDistance, &Coverage::default(), &ClassifierTwoSample::default()];
        for metric in metrics {
            assert_eq!(permutation_test(metric, &a, &b, 39, 1).unwrap(), 1.0 / 40.0, "{metric:?}");
        }
        // Every reassignment of a set and its copy differs at least as much.
        assert_eq!(permutation_test(&EnergyDistance, &a, &a, 9, 1).unwrap(), 1.0);
        assert!(permutation_test(&EnergyDistance, &a, &b, 0, 1).is_err());
    }
}
