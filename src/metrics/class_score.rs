//! How distinct and how varied samples look to a classifier.

use tch::{Kind, Tensor, no_grad_guard};

use super::sets::require_vectors;
use crate::error::{Error, Result};

/// How far the sum of a row may be from 1, because of rounding in f32 and bf16.
const ROUNDING: f64 = 1e-2;

/// How distinct and how varied samples look to a classifier. With the Inception network as the classifier, this is the
/// Inception score. (Published scores are means over ten parts of 50,000 samples.)
///
/// ```text
/// exp( mean over samples x of  KL( p(y | x) || p(y) ) ),    p(y) the mean of p(y | x)
/// ```
/// It ranges from 1, if all samples look alike, to the number of classes `K`, if each sample is clearly of one class
/// and all classes are equally frequent. It ignores the data: a single good picture of each class gets the best score.
/// Salimans et al. 2016, section 4.
///
/// # Shapes
/// `probabilities`: `[N, K]`, each row at least 0 and with sum 1.
///
/// # Errors
/// [`Error::Shape`], [`Error::DataNotFinite`]; [`Error::Config`] for rows that are not probabilities.
pub fn class_score(probabilities: &Tensor) -> Result<f64> {
    let _no_grad = no_grad_guard();
    require_vectors("probabilities", probabilities, 1)?;
    let p = probabilities.detach().to_kind(Kind::Double);
    let sums = p.sum_dim_intlist([1].as_slice(), true, Kind::Double);
    let (least, off) = (p.min().double_value(&[]), (&sums - 1.0).abs().max().double_value(&[]));
    if least < 0.0 || off > ROUNDING {
        let got = format!("a minimum of {least:.3} and a sum that is off by {off:.3}");
        let expected = "rows of at least 0 and with sum 1, as from softmax";
        return Err(Error::config("probabilities", expected, got));
    }
    let p = p / sums;
    let marginal = p.mean_dim([0].as_slice(), true, Kind::Double);
    // 0 log 0 is 0.
    let divergences = (p.xlogy(&p) - p.xlogy(&marginal)).sum_dim_intlist([1].as_slice(), false, Kind::Double);
    Ok(divergences.mean(Kind::Double).double_value(&[]).exp())
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::random::{Draws, Stream};

    fn score(of: &[f64], classes: i64) -> f64 {
        class_score(&Tensor::from_slice(of).view([-1, classes])).unwrap()
    }

    #[test]
    fn it_is_1_for_equal_samples_and_the_number_of_classes_for_clear_and_varied_ones() {
        let sure = Tensor::eye(5, (Kind::Double, Device::Cpu)).repeat([3, 1]);
        assert!((class_score(&sure).unwrap() - 5.0).abs() < 1e-12);
        assert!((score(&[0.2, 0.8, 0.2, 0.8], 2) - 1.0).abs() < 1e-12);
        // One class is half of all: exp of the entropy of (1/2, 1/4, 1/4).
        let entropy = 1.5 * 2.0_f64.ln();
        let found = score(&[1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], 3);
        assert!((found - entropy.exp()).abs() < 1e-12, "{found}");
        let any = Draws::new(1, Stream::FreshData, 0).normal(&[40, 7], Device::Cpu).softmax(-1, Kind::Float);
        assert!((1.0..=7.0).contains(&class_score(&any).unwrap()));
    }

    #[test]
    fn other_numbers_are_rejected() {
        for wrong in [[0.5, 0.6], [-0.1, 1.1], [2.0, -3.0]] {
            let message = class_score(&Tensor::from_slice(&wrong).view([1, 2])).unwrap_err().to_string();
            assert!(message.contains("as from softmax"), "{message}");
        }
        assert!(class_score(&Tensor::from_slice(&[0.5, f64::NAN]).view([1, 2])).is_err());
    }
}
