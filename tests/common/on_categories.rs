//! What the tests of categories share.

use ddpm_tutor::prelude::*;

/// The largest difference between two tensors of one shape.
pub fn furthest(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

/// All transitions, each with a process of so many symbols and steps.
pub fn processes(symbols: i64, steps: usize) -> impl Iterator<Item = (&'static str, TokenProcess)> {
    let make = move |entry: &ddpm_tutor::catalogue::Entry| {
        let config = TransitionConfig::from_name(entry.name).unwrap();
        (entry.name, TokenProcess::new(config, symbols, steps).unwrap())
    };
    TransitionConfig::ENTRIES.iter().map(make)
}
