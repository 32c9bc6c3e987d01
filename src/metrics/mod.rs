//! How good samples are: metrics that compare two sets of vectors, one file each, and measures of a single set.

mod class_score;
mod curve;
mod evaluation;
mod extrapolation;
mod fresh;
mod modes;
mod nearest;
mod neighbours;
mod pairs;
mod permutation_test;
mod sets;

use std::fmt::Debug;

use tch::Tensor;

pub use class_score::class_score;
pub use curve::distances_to_curve;
pub use evaluation::{Evaluation, compare_with_fresh_data, evaluate};
pub use extrapolation::{Extrapolation, extrapolate};
pub use fresh::fresh_points;
pub use modes::{ModesCovered, modes_covered};
pub use nearest::{NearestImages, nearest_images};
pub use permutation_test::permutation_test;
pub use sets::{random_subset, require_vectors};
pub use sliced_wasserstein::sliced_wasserstein;

use crate::catalogue::catalogue;
use crate::error::Result;

/// A similarity or distance of two sets of vectors. Points are vectors; images become vectors through a network that
/// extracts features.
pub trait Metric: Debug {
    /// Compares the samples `a` with the data `b`, in f64.
    ///
    /// # Shapes
    /// `a`: `[N, D]`, `b`: `[M, D]`, of any numeric type.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for sets of another shape, with too few vectors, or with vectors of
    /// different lengths; [`Error::DataNotFinite`](crate::Error::DataNotFinite) for NaN or infinity;
    /// [`Error::Config`](crate::Error::Config) for an invalid setting.
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<f64>;

    /// Whether a lower value means that the sets are more alike.
    fn lower_is_better(&self) -> bool;
}

/// The declared properties of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricProperties {
    /// Its limit for growing sets of the same distribution; `None` if that depends on the distribution.
    pub at_equality: Option<f64>,
    /// Whether that is also its mean for small sets.
    pub is_unbiased: bool,
    /// Whether it is symmetric in the two sets.
    pub is_symmetric: bool,
    /// Whether it is unchanged if both sets are shifted by the same vector.
    pub ignores_translation: bool,
    /// Whether it is unchanged if both sets are rotated alike.
    pub ignores_rotation: bool,
    /// If both sets are scaled by a factor, it is multiplied by this power of the factor; `None` if there is no such
    /// power.
    pub scales_with: Option<i32>,
}

catalogue! {
    /// A metric with its settings.
    MetricConfig of "metric", is Metric, declares MetricProperties;
    sliced_wasserstein::SlicedWasserstein, "sliced_wasserstein": "how far mass has to travel, seen from random directions", "Bonneel et al. 2015, section 3",
        { at_equality: Some(0.0), is_unbiased: false, is_symmetric: true, ignores_translation: true, ignores_rotation: false, scales_with: Some(1) };
    wasserstein::Wasserstein, "wasserstein": "how far mass has to travel, for sets of equal size", "Peyré & Cuturi 2019, proposition 2.1",
        { at_equality: Some(0.0), is_unbiased: false, is_symmetric: true, ignores_translation: true, ignores_rotation: true, scales_with: Some(1) };
    mmd::Mmd, "mmd": "squared maximum mean discrepancy with a Gaussian kernel", "Gretton et al. 2012, equation 3",
        { at_equality: Some(0.0), is_unbiased: true, is_symmetric: true, ignores_translation: true, ignores_rotation: true, scales_with: Some(0) };
    energy_distance::EnergyDistance, "energy_distance": "distances between the sets minus those within them", "Székely & Rizzo 2013, equation 6.1",
        { at_equality: Some(0.0), is_unbiased: false, is_symmetric: true, ignores_translation: true, ignores_rotation: true, scales_with: Some(1) };
    frechet_distance::FrechetDistance, "frechet_distance": "squared distance between the Gaussians with the same moments", "Heusel et al. 2017, equation 6",
        { at_equality: Some(0.0), is_unbiased: false, is_symmetric: true, ignores_translation: true, ignores_rotation: true, scales_with: Some(2) };
    kernel_distance::KernelDistance, "kernel_distance": "squared maximum mean discrepancy with a cubic kernel", "Bińkowski et al. 2018, section 4",
        { at_equality: Some(0.0), is_unbiased: true, is_symmetric: true, ignores_translation: false, ignores_rotation: true, scales_with: None };
    precision::ImprovedPrecision, "precision": "share of the samples that lie where data is", "Kynkäänniemi et al. 2019, equation 2",
        { at_equality: None, is_unbiased: false, is_symmetric: false, ignores_translation: true, ignores_rotation: true, scales_with: Some(0) };
    recall::ImprovedRecall, "recall": "share of the data that lies where samples are", "Kynkäänniemi et al. 2019, equation 2",
        { at_equality: None, is_unbiased: false, is_symmetric: false, ignores_translation: true, ignores_rotation: true, scales_with: Some(0) };
    density::Density, "density": "mean number of neighbourhoods of the data that contain a sample, divided by k", "Naeem et al. 2020, equation 3",
        { at_equality: Some(1.0), is_unbiased: true, is_symmetric: false, ignores_translation: true, ignores_rotation: true, scales_with: Some(0) };
    coverage::Coverage, "coverage": "share of the data with a sample in its neighbourhood", "Naeem et al. 2020, equation 4",
        { at_equality: Some(0.968_75), is_unbiased: false, is_symmetric: false, ignores_translation: true, ignores_rotation: true, scales_with: Some(0) };
    classifier_two_sample::ClassifierTwoSample, "classifier_two_sample": "accuracy of a classifier that distinguishes the sets; 0.5 if they look alike", "Lopez-Paz & Oquab 2017, section 3",
        { at_equality: Some(0.5), is_unbiased: true, is_symmetric: true, ignores_translation: true, ignores_rotation: true, scales_with: Some(0) };
}

impl MetricConfig {
    /// The metric with this seed for its randomness, if it has any.
    pub fn with_seed(mut self, seed: u64) -> Self {
        match &mut self {
            Self::SlicedWasserstein(metric) => metric.seed = seed,
            Self::ClassifierTwoSample(metric) => metric.seed = seed,
            _ => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::random::{Draws, Stream};

    /// `[n, 2]` from a Gaussian with variances of 1 and 0.25.
    fn draw(n: i64, k: u64) -> Tensor {
        let unit = Draws::new(8, Stream::FreshData, k).normal(&[n, 2], Device::Cpu).to_kind(Kind::Double);
        unit * Tensor::from_slice(&[1.0, 0.5])
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * (1.0 + b.abs())
    }

    /// Mean and standard error over sets of one distribution, `n` vectors each.
    fn for_equal_distributions(metric: &dyn Metric, n: i64, times: u64) -> (f64, f64) {
        let value = |k| metric.compare(&draw(n, 2 * k), &draw(n, 2 * k + 1)).unwrap();
        let values: Vec<f64> = (0..times).map(value).collect();
        let mean = values.iter().sum::<f64>() / times as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (times - 1) as f64;
        (mean, (variance / times as f64).sqrt())
    }

    /// The suite: the properties that a metric declares wrongly. `what` and `other` differ in location, spread and
    /// shape.
    fn wrong(metric: &dyn Metric, declared: MetricProperties) -> Vec<&'static str> {
        let (what, other) = (draw(60, 1_000), (draw(60, 1_001) * 1.5 + 0.4).square());
        let compare = |a: &Tensor, b: &Tensor| metric.compare(a, b).unwrap();
        let value = compare(&what, &other);
        let both = |f: &dyn Fn(&Tensor) -> Tensor| compare(&f(&what), &f(&other));
        let (sin, cos) = 0.7_f64.sin_cos();
        let rotation = Tensor::from_slice(&[cos, -sin, sin, cos]).view([2, 2]);
        let translated = both(&|x| x + Tensor::from_slice(&[3.0, -2.0]));
        let scaled = both(&|x| x * 1.7);
        let power = (-4..=4).find(|power| close(scaled, value * 1.7_f64.powi(*power)));

        let at_equality = declared.at_equality.is_none_or(|expected| {
            let off = |n, times| (for_equal_distributions(metric, n, times).0 - expected).abs();
            if declared.is_unbiased {
                let (mean, error) = for_equal_distributions(metric, 14, 300);
                (mean - expected).abs() < 4.0 * error
            } else {
                off(256, 3) < 0.03 || off(256, 3) < 0.5 * off(16, 30)
            }
        });
        let far = compare(&(&what + 9.0), &draw(60, 1_002));
        let near = compare(&what, &draw(60, 1_002));
        let checks = [
            ("at_equality", at_equality),
            ("lower_is_better", far != near && (near < far) == metric.lower_is_better()),
            ("is_symmetric", close(compare(&other, &what), value) == declared.is_symmetric),
            ("ignores_translation", close(translated, value) == declared.ignores_translation),
            ("ignores_rotation", close(both(&|x| x.matmul(&rotation)), value) == declared.ignores_rotation),
            ("scales_with", power == declared.scales_with),
            ("f32", (both(&|x| x.to_kind(Kind::Float)) - value).abs() < 1e-4 * (1.0 + value.abs())),
            ("gradients", close(both(&|x| x.copy().set_requires_grad(true)), value)),
        ];
        checks.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name).collect()
    }

    fn all() -> impl Iterator<Item = MetricConfig> {
        MetricConfig::ENTRIES.iter().map(|entry| MetricConfig::from_name(entry.name).unwrap())
    }

    #[test]
    fn every_metric_is_what_it_declares() {
        for config in all() {
            let found = wrong(&*config.build(), config.properties());
            assert!(found.is_empty(), "{}: {found:?}", config.name());
        }
    }

    #[test]
    fn every_metric_rejects_invalid_sets() {
        let good = draw(60, 0);
        for config in all() {
            let metric = config.build();
            let message = |a: &Tensor, b: &Tensor| metric.compare(a, b).expect_err(config.name()).to_string();
            let broken = good.copy();
            let _ = broken.get(7).fill_(f64::NAN);
            assert!(message(&good, &broken).contains("data: 2 of 120 values are not finite"), "{}", config.name());
            assert!(message(&broken, &good).contains("the first is in row 7"), "{}", config.name());
            let wide = Tensor::cat(&[&good, &good], 1);
            assert!(message(&good, &wide).contains("as long as those of the samples"), "{}", config.name());
            for shape in [&[0, 2][..], &[60, 0], &[60], &[2, 5, 12]] {
                let wrong = Tensor::zeros(shape, (Kind::Double, Device::Cpu));
                assert!(message(&wrong, &good).contains("[N, D]"), "{}: {shape:?}", config.name());
                assert!(message(&good, &wrong).contains("[N, D]"), "{}: {shape:?}", config.name());
            }
        }
        for (name, too_few) in
            [("mmd", 1), ("frechet_distance", 1), ("kernel_distance", 1), ("recall", 3), ("coverage", 5)]
        {
            let metric = MetricConfig::from_name(name).unwrap().build();
            let message = metric.compare(&draw(too_few, 0), &good).unwrap_err().to_string();
            assert!(message.contains(&format!("N of at least {}", too_few + 1)), "{name}: {message}");
            assert!(metric.compare(&draw(too_few + 1, 0), &good).unwrap().is_finite(), "{name}");
        }
    }

    /// A distance of means that forgets the second coordinate.
    #[derive(Debug)]
    struct Forgetful;

    impl Metric for Forgetful {
        fn compare(&self, a: &Tensor, b: &Tensor) -> Result<f64> {
            let mean = |x: &Tensor| x.select(1, 0).mean(Kind::Double).double_value(&[]);
            Ok(mean(a) - mean(b))
        }

        fn lower_is_better(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_wrong_metric_is_detected() {
        let declared = MetricConfig::from(EnergyDistance).properties();
        assert_eq!(wrong(&EnergyDistance, declared), [""; 0]);
        let found = wrong(&Forgetful, declared);
        assert_eq!(found, ["is_symmetric", "ignores_rotation"]);
        let biased = MetricProperties { is_unbiased: true, ..declared };
        assert_eq!(wrong(&EnergyDistance, biased), ["at_equality"]);
        let of_mmd = MetricConfig::from(Mmd::default()).properties();
        assert_eq!(wrong(&Mmd { bandwidth: Some(1.0) }, of_mmd), ["scales_with"]);
    }

    /// Samples without a quarter of the data: all of them are right, and they cover three quarters of the data.
    #[test]
    fn a_missing_mode_lowers_recall_by_its_share_and_precision_not_at_all() {
        let modes = Tensor::from_slice(&[0.0, 0.0, 50.0, 0.0, 0.0, 50.0, 50.0, 50.0]).view([4, 1, 2]);
        let data = draw(80, 0).view([1, 80, 2]) + modes;
        let (samples, data) = (data.narrow(0, 0, 3).reshape([240, 2]), data.reshape([320, 2]));
        let value = |name: &str| MetricConfig::from_name(name).unwrap().build().compare(&samples, &data).unwrap();
        assert_eq!((value("precision"), value("recall"), value("coverage")), (1.0, 0.75, 0.75));
        assert!(value("density") > 1.0 && value("classifier_two_sample") > 0.5);
    }

    #[test]
    fn names_are_those_in_files_and_random_metrics_have_a_seed() {
        for config in all() {
            let json = serde_json::to_value(&config).unwrap();
            assert_eq!(json["name"], config.name());
            assert_eq!(serde_json::from_value::<MetricConfig>(json.clone()).unwrap(), config);
            let draws = json.get("seed").is_some();
            assert_eq!(serde_json::to_value(config.clone().with_seed(7)).unwrap() != json, draws, "{}", config.name());
        }
    }
}
