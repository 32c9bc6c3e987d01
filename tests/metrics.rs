//! The metrics against SciPy and NumPy, on the values that fixtures/make_metrics.py wrote.

use std::path::Path;

use ddpm_tutor::prelude::*;
use serde_json::Value;

fn set(of: &Value) -> Tensor {
    let rows: Vec<Vec<f64>> = serde_json::from_value(of.clone()).unwrap();
    Tensor::from_slice(&rows.concat()).view([rows.len() as i64, -1])
}

/// Both are in f64. SciPy's root of a matrix that is not symmetric is the least exact of them.
#[test]
fn every_metric_is_that_of_scipy_or_numpy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/metrics.json");
    let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut compared = std::collections::BTreeSet::new();
    for case in golden["cases"].as_array().unwrap() {
        let (a, b) = (set(&case["a"]), set(&case["b"]));
        for (name, expected) in case["values"].as_object().unwrap() {
            let found = MetricConfig::from_name(name).unwrap().build().compare(&a, &b).unwrap();
            let expected = expected.as_f64().unwrap();
            let (difference, tolerance) = ((found - expected).abs(), 1e-9 * (1.0 + expected.abs()));
            println!("{name}, {:?} and {:?}: {difference:.1e} of {tolerance:.0e}", a.size(), b.size());
            assert!(difference <= tolerance, "{name}: {found}, {expected} expected");
            compared.insert(name.clone());
        }
    }
    // By chance and by nearest neighbours, no other implementation has the same value.
    let others = MetricConfig::ENTRIES.iter().filter(|entry| !compared.contains(entry.name));
    assert_eq!(others.map(|entry| entry.name).collect::<Vec<_>>(), ["classifier_two_sample"]);
}
