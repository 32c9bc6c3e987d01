//! Schedules that are learned, on Gaussian data, where the best one is known.

mod common;

use common::{ClosedForm, base, libtorch, quick_training};
use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);
const VARIANCE: f64 = 0.25;

/// Signal-to-noise ratios from 10^4 to 10^-4.
fn end() -> f64 {
    1e4_f64.ln()
}

/// The limit of the loss for infinitely many steps: it depends on the ends of the schedule alone.
fn limit() -> f64 {
    0.5 * ((1.0 + VARIANCE * 1e4) / (1.0 + VARIANCE * 1e-4)).ln()
}

/// The terms of the bound between the ends of a schedule, in expectation: data and noise are quadratic in them, so that four points suffice.
fn loss_of(table: &Tabulated, steps: usize) -> f64 {
    let column = |of: [f64; 4]| Tensor::from_slice(&of).view([4, 1]);
    let (x0, eps) = (column([1.0, 1.0, -1.0, -1.0]) * VARIANCE.sqrt(), column([1.0, -1.0, 1.0, -1.0]));
    let oracle = GaussianOracle::isotropic(table, &Tensor::zeros([1], DOUBLE), VARIANCE);
    let times: Vec<f64> = (0..=steps).rev().map(|i| 0.001 + 0.999 * i as f64 / steps as f64).chain([0.0]).collect();
    let bound = Bound {
        layout: Knots::through(table, &times).unwrap().into(),
        variance: ReverseVariance::Posterior,
        steps: Some(steps + 1),
    };
    let terms = bound.terms_with(&oracle, table, &x0, Box::new(move |_, _| eps.shallow_clone())).unwrap();
    let inner = terms.map(Result::unwrap).filter(|term| term.to.is_some_and(|to| to > 0.0));
    inner.map(|term| term.nats.mean(Kind::Double).double_value(&[])).sum()
}

#[test]
fn in_continuous_time_the_loss_depends_on_the_ends_of_the_schedule_alone() {
    assert!((limit() - 3.9122).abs() < 5e-5, "{}", limit());
    let table =
        |of: &dyn Fn(f64) -> f64| Tabulated { log_snrs: (0..=200).map(|i| end() * of(f64::from(i) / 200.0)).collect() };
    let line = table(&|u| 1.0 - 2.0 * u);
    let cosine = table(&|u| (std::f64::consts::PI * u).cos());
    for (name, schedule) in [("line", &line), ("cosine", &cosine)] {
        let (coarse, fine) = (loss_of(schedule, 500), loss_of(schedule, 5_000));
        // The error falls with the length of the steps.
        let (of_coarse, of_fine) = (coarse - limit(), fine - limit());
        assert!(of_fine > 0.0 && of_fine < 0.01 && of_coarse > 8.0 * of_fine, "{name}: {coarse}, {fine}");
    }
    let of_line = loss_of(&line, 10_000);
    assert!((of_line - 3.9154).abs() < 5e-4, "{of_line}");
    let of_cosine = loss_of(&cosine, 10_000);
    assert!(of_cosine > limit() && of_cosine < limit() + 5e-3, "{of_cosine}");
    // With alpha_bar linear in t, the first and the last steps are long in the logarithm of the signal-to-noise ratio: the limit is far.
    let alpha_bar = |u: f64| (1.0 - u) / (1.0 + 1e-4) + u * 1e-4 / (1.0 + 1e-4);
    let log_snrs = (0..=10_000).map(|i| alpha_bar(f64::from(i) / 1e4)).map(|bar| (bar / (1.0 - bar)).ln()).collect();
    let of_alpha_bar = loss_of(&Tabulated { log_snrs }, 10_000);
    assert!((of_alpha_bar - 4.20).abs() < 5e-3, "{of_alpha_bar}");
}

/// Predicts the noise perfectly, from the time of a tabulated process.
fn perfect() -> Model {
    let (start, slope) =
        (Tabulated::network_time_of(0.0), Tabulated::network_time_of(-1.0) - Tabulated::network_time_of(0.0));
    ClosedForm::with_weight(&[1], &[0.0], move |x, time, weight| {
        let gamma: Tensor = (time - start) / slope;
        let (a2, s2) = ((-&gamma).sigmoid(), gamma.sigmoid());
        let factor: Tensor = s2.sqrt() / (a2 * VARIANCE + s2);
        x * factor.unsqueeze(1) + weight * 0.0
    })
}

#[test]
fn the_schedule_that_is_learned_has_the_least_variance() {
    let _guard = libtorch();
    let model = perfect();
    let schedule = LearnedSchedule::new(end(), -end(), Device::Cpu).unwrap();
    let training =
        TrainingConfig { learning_rate: 0.05, batch_size: 1_000, epochs: 400, ema_decay: 0.0, ..quick_training() };
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 1_000);
    tch::manual_seed(1);
    let data = Tensor::randn([1_000, 1], (Kind::Float, Device::Cpu)) * VARIANCE.sqrt();
    let loader = DataLoader::new(data, &base, &training).unwrap();
    let moments = || {
        let learner = VdmLearner::new(&model, &schedule);
        tch::manual_seed(2);
        let batch = Batch::of(Tensor::randn([100_000, 1], (Kind::Float, Device::Cpu)) * VARIANCE.sqrt());
        let loss = learner.loss(&batch).unwrap().by_sample;
        (loss.mean(Kind::Double).double_value(&[]), loss.std(true).double_value(&[]))
    };
    let (mean, std) = moments();
    // The mean of the whole loss for a perfect network is the limit, whatever the schedule.
    assert!((mean - limit()).abs() < 5.0 * std / 100_000_f64.sqrt(), "{mean}");
    let learner = VdmLearner::new(&model, &schedule);
    let mut state = TrainingState::of_learner(&learner, &base, &training).unwrap();
    while state.epoch() < training.epochs {
        train_one_epoch_of(&learner, &loader, &mut state, &mut |_| ()).unwrap();
    }
    let (mean_after, std_after) = moments();
    assert!((mean_after - limit()).abs() < 5.0 * std / 100_000_f64.sqrt(), "{mean_after}");
    // With the best schedule, the loss of a sample is the limit times a chi-squared number.
    let least = 2.0_f64.sqrt() * limit();
    assert!(std_after < 1.1 * least && std > 1.5 * least, "{std_after} after, {std} before, {least} at best");

    // For errors of the noise N(0, m(gamma)), the mean square of the loss is least where gamma' m is the same everywhere:
    // gamma' ∝ 1 / m, m = a^2 s_data^2 / ( a^2 s_data^2 + s^2 ), so the time of gamma is the integral of m.
    let table = schedule.table(41).unwrap();
    let m = |gamma: f64| VARIANCE / (VARIANCE + gamma.exp());
    let integral = |to: f64| {
        let n = 2_000;
        let width = (to + end()) / f64::from(n);
        (0..n).map(|i| m(-end() + (f64::from(i) + 0.5) * width) * width).sum::<f64>()
    };
    let whole = integral(end());
    for (i, log_snr) in table.log_snrs.iter().enumerate() {
        // Where m is almost 0, the schedule rises within hardly any time.
        let (found, known) = (i as f64 / 40.0, integral(-log_snr) / whole);
        assert!((found - known).abs() < 0.08, "log-SNR {log_snr}: at {found} instead of {known}");
    }
    assert!(LearnedSchedule::new(-1.0, 1.0, Device::Cpu).is_err() && schedule.table(1).is_err());
}

/// A network learns at the same time, and can then be sampled from with the table of its schedule.
#[test]
fn a_model_and_its_schedule_are_learned_together() {
    let _guard = libtorch();
    let training =
        TrainingConfig { learning_rate: 5e-3, batch_size: 250, epochs: 40, ema_decay: 0.98, ..quick_training() };
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 2_000);
    let loader = get_dataloader(&base, &training).unwrap();
    let model = get_model(&base, FnnConfig { hidden_widths: vec![64, 64], ..Default::default() }, &training).unwrap();
    let schedule = LearnedSchedule::new(9.0, -5.0, Device::Cpu).unwrap();
    let learner = VdmLearner::new(&model, &schedule);
    let mut state = TrainingState::of_learner(&learner, &base, &training).unwrap();
    assert_eq!(state.groups().len(), 2);
    while state.epoch() < training.epochs {
        train_one_epoch_of(&learner, &loader, &mut state, &mut |_| ()).unwrap();
    }
    let history = state.history();
    assert!(history[39].mean < 0.8 * history[0].mean, "{:?}", history[39]);
    let process = schedule.table(64).unwrap();
    let mut sampler = SamplerConfig::from(DpmSolverPp2m { steps: Some(20), layout: LogSnr.into() }).sampler();
    let samples = state.with_averaged_weights(|| {
        generate_samples_with(
            &mut *sampler,
            &model,
            &process,
            500,
            1,
            &mut InferenceLogger::new(InferType::None).quiet(),
        )
    });
    let spread = samples.unwrap().std(true).double_value(&[]);
    assert!((0.4..1.0).contains(&spread), "{spread}");
}
