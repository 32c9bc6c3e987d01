//! The suite of the objectives: what holds of every entry of their catalogue.

mod common;

use common::{ClosedForm, libtorch};
use ddpm_tutor::prelude::*;

const T: usize = 100;

fn constants() -> ConstantsManager {
    ConstantsManager::from_betas(&CosineSchedule.betas(T).unwrap(), 1, Device::Cpu).unwrap()
}

/// Data `N(0, 0.25)`.
fn data(n: i64) -> Batch {
    tch::manual_seed(2);
    Batch::of(Tensor::randn([n, 1], (Kind::Float, Device::Cpu)) * 0.5)
}

/// The network `eps = c x_t`, which predicts the variance of the reverse step, too, if the objective needs that.
fn network(c: f64, declared: ObjectiveProperties) -> Model {
    let predicts = move |x: &Tensor, weight: &Tensor| {
        if declared.needs_variance { Tensor::cat(&[x * weight, x * 0.0], 1) } else { x * weight }
    };
    let model = ClosedForm::with_weight(&[1], &[c as f32], move |x, _, weight| predicts(x, weight));
    if declared.needs_variance { model.with_parameterization(Box::new(LearnedVariance::default())) } else { model }
}

/// Loss and gradient at `c`, always of the same batch, times and noise.
fn at(objective: &dyn Objective, batch: &Batch, c: f64, declared: ObjectiveProperties) -> (f64, f64) {
    let model = network(c, declared);
    tch::manual_seed(5);
    let loss = objective.loss(&model, &constants(), batch).unwrap().by_sample.mean(Kind::Float);
    let gradient = Tensor::run_backward(&[&loss], &model.var_store().trainable_variables(), false, false).remove(0);
    (loss.double_value(&[]), gradient.double_value(&[0]))
}

/// Where an increasing function is 0, between 0.8 and 1.3, by bisection.
fn root(f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.8, 1.3);
    while high - low > 1e-3 {
        let middle = (low + high) / 2.0;
        if f(middle) < 0.0 { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// What is wrong with an objective that declares this of itself.
fn faults(objective: &dyn Objective, declared: ObjectiveProperties) -> Vec<String> {
    let batch = data(400_000);
    let mut faults = Vec::new();
    let best = root(|c| at(objective, &batch, c, declared).1);
    if (best - declared.best_factor).abs() > 4e-3 {
        faults.push(format!("its gradient vanishes at c = {best:.4}"));
    }
    let few = batch.narrow(0, 64);
    if at(objective, &few, 0.3, declared) != at(objective, &few, 0.3, declared) {
        faults.push("one seed, two losses".to_owned());
    }
    let found = objective.loss(&network(0.3, declared), &constants(), &few).unwrap();
    if found.by_sample.size() != [64] || found.t.as_ref().is_some_and(|t| t.size() != [64]) {
        faults.push(format!("{:?} is not one loss per sample", found.by_sample.size()));
    }
    if at(objective, &few, 0.3, declared).1 >= 0.0 {
        faults.push("its gradient does not lead from c = 0.3 to the best c".to_owned());
    }
    let in_continuous_time = Vp::default().process().unwrap();
    if objective.loss(&network(0.3, declared), &*in_continuous_time, &few).is_err() != declared.needs_steps {
        faults.push("it needs steps, or does not".to_owned());
    }
    if declared.needs_variance && objective.loss(&ClosedForm::new(&[1], |x, _| x * 0.3), &constants(), &few).is_ok() {
        faults.push("it does not need a variance".to_owned());
    }
    faults
}

#[test]
fn every_entry_is_what_it_declares() {
    let _guard = libtorch();
    for entry in ObjectiveConfig::ENTRIES {
        let config = ObjectiveConfig::from_name(entry.name).unwrap();
        let faults = faults(&*config.build(), config.properties());
        assert!(faults.is_empty(), "{}: {faults:?}", entry.name);
    }
}

/// Drawing times by `p(t)` is weighting the error by it: P2 with `k = 1` and `gamma = 1`.
#[test]
fn times_that_are_drawn_more_often_count_more() {
    let _guard = libtorch();
    let prioritized = Simple { timesteps: timesteps::PerceptionPrioritized.into() };
    let declared = ObjectiveProperties { best_factor: 1.0442, ..ObjectiveConfig::default().properties() };
    let faults = faults(&prioritized, declared);
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn the_best_factor_is_that_of_the_closed_form() {
    let constants = constants();
    let sums = (1..=T).fold((0.0, 0.0), |(of_noise, of_all), t| {
        let (signal, noise) = (constants.signal(t as f64), constants.noise(t as f64));
        (of_noise + noise, of_all + signal.powi(2) / 4.0 + noise.powi(2))
    });
    let declared = ObjectiveConfig::default().properties().best_factor;
    assert!((sums.0 / sums.1 - declared).abs() < 1e-4, "{}", sums.0 / sums.1);
}

/// `w = ( s' - a' s / a )^2`.
#[test]
fn the_best_factor_of_the_velocity_is_that_of_the_closed_form() {
    let constants = constants();
    let sums = (1..=T).map(|t| t as f64).fold((0.0, 0.0), |(of_noise, of_all), t| {
        let (signal, noise) = (constants.signal(t), constants.noise(t));
        let weight = (constants.noise_slope(t) - constants.signal_slope(t) * noise / signal).powi(2);
        (of_noise + weight * noise, of_all + weight * (signal.powi(2) / 4.0 + noise.powi(2)))
    });
    let declared = ObjectiveConfig::from(FlowMatching::default()).properties().best_factor;
    assert!((sums.0 / sums.1 - declared).abs() < 1e-4, "{}", sums.0 / sums.1);
}

/// Has the error of the noise at the times after the first half alone.
#[derive(Debug)]
struct LateTimes;

impl Objective for LateTimes {
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss, Error> {
        let loss = Simple::default().loss(model, process, batch)?;
        let late = loss.t.as_ref().unwrap().gt(T as i64 / 2);
        Ok(Loss { by_sample: loss.by_sample * late, t: loss.t })
    }
}

#[test]
fn a_planted_objective_with_another_weight_is_found() {
    let _guard = libtorch();
    let found = faults(&LateTimes, ObjectiveConfig::default().properties());
    assert!(found.len() == 1 && found[0].contains("vanishes at"), "{found:?}");
}
