//! Categories in continuous time against exact answers: the matrix exponential, the rates of the way back, and the error of tau-leaping.

mod common;
#[path = "common/on_categories.rs"]
mod on_categories;

use std::ops::ControlFlow;

use common::libtorch;
use ddpm_tutor::prelude::*;
use on_categories::{furthest, processes};

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

#[test]
fn continuous_time_has_the_closed_form_and_meets_the_steps() {
    let _guard = libtorch();
    for (name, process) in processes(4, 10) {
        let Ok(rates) = RateProcess::through(&process) else {
            assert_eq!(name, "gaussian");
            continue;
        };
        for t in 0..10 {
            let (ours, steps) = (rates.cumulative(f64::from(t)).unwrap(), process.cumulative(f64::from(t)).unwrap());
            assert!(furthest(&ours, &steps) < 1e-9, "{name}, t = {t}");
        }
        assert!(furthest(&rates.cumulative(10.0).unwrap(), &process.cumulative(10.0).unwrap()) < 1e-3, "{name}");
        for t in [0.3, 4.5, 8.9] {
            let left = (-rates.integrated_beta(t).unwrap()).exp();
            let expected = Tensor::eye(process.states(), DOUBLE) * left + (1.0 - left) * process.stationary();
            let difference = furthest(&rates.cumulative(t).unwrap(), &expected);
            // libtorch's matrix exponential is exact to about 1e-11.
            assert_eq!(difference < 1e-9, name != "nearest", "{name}, t = {t}: {difference}");
        }
        assert!(rates.cumulative(10.1).is_err() && rates.beta(-0.1).is_err());
    }
}

/// Tokens with the same rate at all times, `B = 6` in all.
fn steady(transition: impl Into<TransitionConfig>) -> RateProcess {
    RateProcess::through(&TokenProcess::new(transition, 3, 1).unwrap()).unwrap().with_betas(&[6.0]).unwrap()
}

#[test]
fn the_reverse_rates_undo_the_forward_ones() {
    let _guard = libtorch();
    let p0 = Tensor::from_slice(&[0.7, 0.2, 0.1]);
    for config in TransitionConfig::ENTRIES.iter().map(|entry| TransitionConfig::from_name(entry.name).unwrap()) {
        if config.name() == "gaussian" {
            continue;
        }
        let process = steady(config.clone());
        let oracle = IndependentOracle::new(&process, &p0).unwrap();
        let sampler = TauLeaping::new(&process, 1).unwrap();
        let states = every_string(process.states(), 1).unwrap();
        for t in [0.05, 0.4, 0.9] {
            let p = p0.unsqueeze(0).matmul(&process.cumulative(t).unwrap().narrow(0, 0, 3));
            let back = sampler.reverse_rates(&oracle, &states, t).unwrap().squeeze_dim(1);
            let leaves = &p * back.sum_dim_intlist(1, false, Kind::Double);
            let change = p.matmul(&back) - leaves;
            let forward = p.matmul(process.rates()) * process.beta(t).unwrap();
            assert!(furthest(&change, &-forward) < 1e-12, "{}, t = {t}", config.name());
        }
    }
}

#[test]
fn the_error_of_tau_leaping_is_proportional_to_the_step() {
    let _guard = libtorch();
    let p0 = Tensor::from_slice(&[0.7, 0.2, 0.1]);
    let process = steady(UniformTransition::default());
    let oracle = IndependentOracle::new(&process, &p0).unwrap();
    let states = every_string(3, 1).unwrap();
    let error = |steps: usize| {
        let sampler = TauLeaping::new(&process, steps).unwrap();
        let times = sampler.times(&states).unwrap();
        let mut p = process.stationary().unsqueeze(0);
        for pair in times[..steps].windows(2) {
            p = p.matmul(&sampler.probabilities(&oracle, &states, pair[0], pair[1]).unwrap().squeeze_dim(1));
        }
        let last = oracle.logits(&states, times[steps - 1]).unwrap().softmax(-1, Kind::Double).squeeze_dim(1);
        furthest(&p.matmul(&last).squeeze_dim(0), &p0)
    };
    let errors = [100, 200, 400, 800].map(error);
    for pair in errors.windows(2) {
        let ratio = pair[0] / pair[1];
        assert!((1.8..2.1).contains(&ratio), "{errors:?}");
    }
    assert!(errors[3] < 0.004, "{errors:?}");

    // What is drawn has these probabilities, and grey levels add their jumps up.
    let sampler = TauLeaping::new(&process, 100).unwrap();
    let drawn =
        generate_tokens(&sampler, &oracle, 20_000, 1, 3, &mut |_: &TokenState| ControlFlow::Continue(())).unwrap();
    let shares = drawn.flatten(0, -1).bincount(None::<&Tensor>, 3).to_kind(Kind::Double) / 20_000.0;
    assert!(furthest(&shares, &p0) < 0.015 + errors[0], "{shares}");
    let nearest = steady(NearestTransition {
        neighbours: 1,
        embedding: vec![vec![0.0], vec![1.0], vec![1.9]],
        ..Default::default()
    });
    let oracle = IndependentOracle::new(&nearest, &p0).unwrap();
    let ordinal = TauLeaping::new(&nearest, 200).unwrap().ordinal().unwrap();
    let drawn =
        generate_tokens(&ordinal, &oracle, 20_000, 1, 3, &mut |_: &TokenState| ControlFlow::Continue(())).unwrap();
    let shares = drawn.flatten(0, -1).bincount(None::<&Tensor>, 3).to_kind(Kind::Double) / 20_000.0;
    assert!(furthest(&shares, &p0) < 0.03, "{shares}");
    let masked = steady(AbsorbingTransition::default());
    assert!(TauLeaping::new(&masked, 10).unwrap().ordinal().is_err());
}
