//! The variational bound on Gaussian data, where it is known; and what training on it comes to.

mod common;
#[path = "common/on_gaussian.rs"]
mod on_gaussian;

use std::collections::BTreeMap;

use common::{ClosedForm, libtorch};
use ddpm_tutor::likelihood::nats_of_each;
use ddpm_tutor::prelude::*;
use on_gaussian::cosine;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

/// Every combination of data and noise at plus and minus one standard deviation: the terms of the bound are quadratic in both, so that their
/// mean over these four points is the exact expectation for Gaussian data and Gaussian noise.
fn four_points(variance: f64) -> (Tensor, Tensor) {
    let column = |of: [f64; 4]| Tensor::from_slice(&of).view([4, 1]);
    (column([1.0, 1.0, -1.0, -1.0]) * variance.sqrt(), column([1.0, -1.0, 1.0, -1.0]))
}

/// The expected bound for data `N(0, variance)` under the perfect denoiser.
fn expected(process: &dyn Process, variance: f64, of_steps: &Bound) -> f64 {
    let oracle = GaussianOracle::isotropic(process, &Tensor::zeros([1], DOUBLE), variance);
    nats(&oracle, process, variance, of_steps)
}

fn nats(denoiser: &dyn Denoiser, process: &dyn Process, variance: f64, bound: &Bound) -> f64 {
    let (x0, eps) = four_points(variance);
    let noise = Box::new(move |_: u64, _: &Tensor| eps.shallow_clone());
    let terms = bound.terms_with(denoiser, process, &x0, noise).unwrap();
    Likelihood::of(terms, &x0).unwrap().nats()
}

/// The entropy of `N(0, variance)` and the divergence of `q(x_T)` from the prior: no model can have a lower bound.
fn least(process: &dyn Process, variance: f64) -> f64 {
    let at_end = process.signal(process.end()).powi(2) * variance + process.noise(process.end()).powi(2);
    let entropy = 0.5 * (std::f64::consts::TAU * std::f64::consts::E * variance).ln();
    let prior = process.noise_at_end().powi(2);
    entropy + 0.5 * (at_end / prior - 1.0 - (at_end / prior).ln())
}

#[test]
fn the_bound_is_tight_for_a_gaussian_with_the_right_variance_alone() {
    for (timesteps, of_beta, of_posterior) in [(40, 0.0151, 0.850), (200, 0.0031, 0.611)] {
        let (process, variance) = (cosine(timesteps), 0.25);
        let excess =
            |of: ReverseVariance| expected(&process, variance, &Bound::with_variance(of)) - least(&process, variance);
        assert!(excess(ReverseVariance::Analytic).abs() < 1e-12, "{}", excess(ReverseVariance::Analytic));
        for (of, known, digits) in
            [(ReverseVariance::Beta, of_beta, 5e-5), (ReverseVariance::Posterior, of_posterior, 5e-4)]
        {
            assert!((excess(of) - known).abs() < digits, "{of:?}, T = {timesteps}: {}", excess(of));
        }
    }
}

/// On processes in continuous time, and with few steps, too. Data of variance up to 1, for which the analytic variance is exact.
#[test]
fn any_process_and_any_steps_have_a_tight_bound() {
    for (process, layout) in [("vp", "log-snr"), ("sub-vp", "trailing"), ("edm", "karras"), ("discrete", "quadratic")] {
        let process = ProcessConfig::from_name(process).unwrap().build().process().unwrap();
        let layout = StepLayoutConfig::from_name(layout).unwrap();
        for steps in [7, 30] {
            let bound = Bound { steps: Some(steps), layout: layout.clone(), variance: ReverseVariance::Analytic };
            let excess = expected(&*process, 0.25, &bound) - least(&*process, 0.25);
            assert!(excess.abs() < 1e-9, "{layout:?}, {steps} steps: {excess}");
        }
    }
    let leading = Bound { steps: Some(10), layout: Leading.into(), ..Bound::default() };
    let process = cosine(100);
    let oracle = GaussianOracle::isotropic(&process, &Tensor::zeros([1], DOUBLE), 0.25);
    let refused = leading.terms(&oracle, &process, &four_points(0.25).0, 1).err().unwrap().to_string();
    assert!(refused.contains("end of the process, 100") && refused.contains("trailing"), "{refused}");
}

/// The variance that a step needs, as the share `v` between the smallest and the largest: above 1 if the data has more than unit variance.
fn right_share(process: &dyn Process, variance: f64, t: f64) -> f64 {
    let to = t - 1.0;
    let posterior = Posterior::of(process, t, to);
    let total = |t: f64| process.signal(t).powi(2) * variance + process.noise(t).powi(2);
    let known = (1.0 / variance + (process.signal(t) / process.noise(t)).powi(2)).recip();
    let right = posterior.variance + posterior.of_x0.powi(2) * known;
    // The same as sigma*^2 = beta u / ( alpha u + beta ).
    let alpha = (process.signal(t) / process.signal(to)).powi(2);
    assert!((right - (1.0 - alpha) * total(to) / total(t)).abs() < 1e-12);
    let smallest = Posterior::smallest_variance(process, t, to);
    (right / smallest).ln() / (posterior.variance_of_noise / smallest).ln()
}

/// The perfect denoiser, with the right share.
struct WithShare<'a>(&'a ConstantsManager, f64);

impl Denoiser for WithShare<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised, Error> {
        let known = GaussianOracle::isotropic(self.0, &Tensor::zeros([1], DOUBLE), self.1).denoise(x_t, t)?;
        let share = Tensor::full(x_t.size(), right_share(self.0, self.1, t), DOUBLE);
        Ok(Denoised { variance_share: Some(share), ..known })
    }
}

#[test]
fn a_learned_variance_makes_the_bound_tight_whatever_the_variance_of_the_data() {
    let process = cosine(40);
    for variance in [0.04, 0.25, 1.0, 4.0] {
        let bound = Bound::with_variance(ReverseVariance::Learned);
        let excess = nats(&WithShare(&process, variance), &process, variance, &bound) - least(&process, variance);
        assert!(excess.abs() < 1e-12, "variance {variance}: {excess}");
        assert_eq!(right_share(&process, variance, 20.0) > 1.0, variance > 1.0);
    }
    let oracle = GaussianOracle::isotropic(&process, &Tensor::zeros([1], DOUBLE), 0.25);
    let refused = Bound::with_variance(ReverseVariance::Learned).terms(&oracle, &process, &four_points(0.25).0, 1);
    let refused = refused.unwrap().find_map(Result::err).unwrap().to_string();
    assert!(refused.contains("learned-variance") && refused.contains("analytic"), "{refused}");
}

/// With the posterior's variance, a term is half the fall of the signal-to-noise ratio times the squared error of the data.
#[test]
fn a_term_is_the_squared_error_weighted_by_the_fall_of_the_signal_to_noise_ratio() {
    let process = cosine(40);
    let (x0, predicted) = (Tensor::randn([39, 3], DOUBLE), Tensor::randn([39, 3], DOUBLE));
    let t: Vec<f64> = (2..=40).map(f64::from).collect();
    let seen = Denoised { x0: predicted.shallow_clone(), eps: predicted.zeros_like(), variance_share: None };
    let found = nats_of_each(&process, &x0, &seen, ReverseVariance::Posterior, &t).unwrap();
    let snr = |t: f64| process.log_snr(t).exp();
    let fall: Vec<f64> = t.iter().map(|t| 0.5 * (snr(t - 1.0) - snr(*t))).collect();
    let known = (x0 - predicted).square().mean_dim(1, false, Kind::Double) * Tensor::from_slice(&fall);
    let difference = (found / known - 1.0).abs().max().double_value(&[]);
    assert!(difference < 1e-5, "{difference}");
    let refused = nats_of_each(&process, &Tensor::ones([1, 1], DOUBLE), &seen, ReverseVariance::Analytic, &[2.0]);
    assert!(refused.unwrap_err().to_string().contains("many samples at one time"));
}

const T: usize = 8;

/// Predicts the noise of data `N(0, variance)` perfectly, times `weight[T]`, and `weight[t - 1]` as the output for the variance.
fn with_table(variance: f64, initial: f32) -> Model {
    let process = cosine(T);
    let factors: Vec<f32> = (1..=T)
        .map(|t| {
            let (a, s) = (process.signal(t as f64), process.noise(t as f64));
            (s / (a * a * variance + s * s)) as f32
        })
        .collect();
    let factors = Tensor::from_slice(&factors);
    let mut values = [initial; T + 1];
    values[T] = 1.0;
    ClosedForm::with_weight(&[1], &values, move |x, t, weight| {
        let of_step = |table: &Tensor| table.index_select(0, &(t - 1)).unsqueeze(1);
        Tensor::cat(&[x * of_step(&factors) * weight.get(T as i64), of_step(weight)], 1)
    })
    .with_parameterization(Box::new(LearnedVariance::default()))
}

fn gradient(objective: &dyn Objective, model: &Model, batch: &Batch) -> Tensor {
    tch::manual_seed(3);
    let loss = objective.loss(model, &cosine(T), batch).unwrap().by_sample.mean(Kind::Float);
    Tensor::run_backward(&[loss], &model.var_store().trainable_variables(), false, false).remove(0)
}

#[test]
fn training_finds_the_right_variance_also_above_the_largest() {
    let _guard = libtorch();
    for (variance, objective) in
        [(0.25, ObjectiveConfig::from(Hybrid { lambda: 1.0, ..Default::default() })), (4.0, Vlb::default().into())]
    {
        let (model, process) = (with_table(variance, 0.0), cosine(T));
        let objective = objective.build();
        let mut weight = model.var_store().trainable_variables().remove(0);
        let mut square = Tensor::zeros([T as i64 + 1], (Kind::Float, Device::Cpu));
        for step in 0..600 {
            tch::manual_seed(step);
            let batch = Batch::of(Tensor::randn([4_096, 1], (Kind::Float, Device::Cpu)) * variance.sqrt());
            let loss = objective.loss(&model, &process, &batch).unwrap().by_sample.mean(Kind::Float);
            let gradient = Tensor::run_backward(&[loss], &[&weight], false, false).remove(0);
            // The mean is perfect, and stays so.
            let _of_mean = gradient.get(T as i64).zero_();
            square = 0.9 * square + 0.1 * gradient.square();
            let rate = 0.1 * (1.0 - step as f64 / 600.0);
            tch::no_grad(|| weight.copy_(&(&weight - rate * gradient / (square.sqrt() + 1e-8))));
        }
        for t in 1..=T {
            let found = (weight.double_value(&[t as i64 - 1]) + 1.0) / 2.0;
            let right = right_share(&process, variance, t as f64);
            // Compared as logarithms of variances: at the last step, the smallest and the largest almost agree.
            let posterior = Posterior::of(&process, t as f64, t as f64 - 1.0);
            let range =
                (posterior.variance_of_noise / Posterior::smallest_variance(&process, t as f64, t as f64 - 1.0)).ln();
            let error = (found - right) * range;
            assert!(error.abs() < 0.05, "variance {variance}, t = {t}: {found} instead of {right}, range {range}");
        }
    }
}

#[test]
fn in_the_hybrid_the_bound_does_not_move_the_mean() {
    let _guard = libtorch();
    let model = with_table(0.25, 0.3);
    let weight = model.var_store().trainable_variables().remove(0);
    let _factor = tch::no_grad(|| weight.get(T as i64).fill_(0.7));
    let batch = Batch::of(Tensor::randn([500, 1], (Kind::Float, Device::Cpu)) * 0.5);
    let (simple, hybrid) = (gradient(&Simple::default(), &model, &batch), gradient(&Hybrid::default(), &model, &batch));
    let (of_mean, of_variance) = (|of: &Tensor| of.double_value(&[T as i64]), |of: &Tensor| of.narrow(0, 0, T as i64));
    assert!((of_mean(&simple) - of_mean(&hybrid)).abs() < 1e-6 && of_mean(&simple).abs() > 1e-3);
    assert_eq!(of_variance(&simple).abs().max().double_value(&[]), 0.0);
    assert!(of_variance(&hybrid).abs().min().double_value(&[]) > 0.0);
}

#[test]
fn importance_sampling_changes_the_noise_of_the_loss_and_not_its_mean() {
    let _guard = libtorch();
    let (model, process) = (with_table(0.25, -1.0), cosine(T));
    let vlb = Vlb { importance: true, ..Default::default() };
    let importance = vlb.with_memory().unwrap();
    tch::manual_seed(4);
    let data = |n: i64| Batch::of(Tensor::randn([n, 1], (Kind::Float, Device::Cpu)) * 0.5);
    let moments = |of: &dyn Objective| {
        let by_sample = of.loss(&model, &process, &data(200_000)).unwrap().by_sample;
        (by_sample.mean(Kind::Double).double_value(&[]), by_sample.std(true).double_value(&[]))
    };
    let (mean, std) = moments(&vlb);
    // Without losses of every step, they are drawn uniformly.
    let (_, at_first) = moments(&*importance);
    assert!((at_first / std - 1.0).abs() < 0.05, "{at_first} and {std}");
    for _ in 0..40 {
        let loss = importance.loss(&model, &process, &data(64)).unwrap();
        importance.observe(&process, &loss).unwrap();
    }
    let (mean_after, std_after) = moments(&*importance);
    assert!((mean_after - mean).abs() < 5.0 * (std + std_after) / 200_000_f64.sqrt(), "{mean_after} and {mean}");
    assert!(std_after < 0.8 * std, "{std_after} and {std}");
}

/// What the network of tests/fixtures/make_likelihood.py predicts.
struct OfFixture<'a>(&'a ConstantsManager);

impl Denoiser for OfFixture<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised, Error> {
        let eps: Tensor = 0.5 * x_t.tanh() + 0.05 * t;
        let share: Tensor = 0.5 + 0.3 * (x_t + t).sin();
        let level = Level::at(self.0, t, x_t)?;
        Ok(Denoised { variance_share: Some(share), ..Denoised::from_eps(eps, x_t, &level) })
    }
}

#[test]
fn the_terms_for_bytes_are_those_of_another_implementation() {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/likelihood.safetensors");
    let tensors: BTreeMap<String, Tensor> = Tensor::read_safetensors(fixture).unwrap().into_iter().collect();
    let betas: Vec<f64> = Vec::try_from(&tensors["betas"]).unwrap();
    let process = ConstantsManager::from_betas(&betas, 3, Device::Cpu).unwrap();
    for (name, variance) in [("of_beta", ReverseVariance::Beta), ("learned", ReverseVariance::Learned)] {
        // The first step of the bound goes from T.
        let eps = tensors["eps"].shallow_clone();
        let steps = betas.len() as i64;
        let noise = Box::new(move |step: u64, _: &Tensor| eps.get(steps - step as i64));
        let bound = Bound::with_variance(variance);
        let denoiser = OfFixture(&process);
        let terms = bound.terms_with(&denoiser, &process, &tensors["x0"], noise).unwrap();
        let found: Vec<Tensor> = terms.map(|term| term.unwrap().nats).collect();
        let difference = (Tensor::stack(&found, 0) - &tensors[name]).abs().max().double_value(&[]);
        assert!(difference < 1e-8, "{name}: {difference}");
    }
}

/// As in training, where each sample has its own step: the sum over all steps is the bound without the term of `x_T`.
#[test]
fn the_terms_of_a_batch_add_up_to_the_bound() {
    let process = cosine(7);
    let bytes = Tensor::from_slice(&[0_i64, 255, 17, 128]).view([1, 1, 2, 2]).to_kind(Kind::Double) / 127.5 - 1.0;
    let eps = Tensor::randn([7, 1, 2, 2], DOUBLE);
    let denoiser = OfFixture(&process);
    for variance in [ReverseVariance::Beta, ReverseVariance::Posterior, ReverseVariance::Learned] {
        let (noise, bound) = (eps.shallow_clone(), Bound::with_variance(variance));
        let noise = Box::new(move |step: u64, _: &Tensor| noise.narrow(0, 7 - step as i64, 1));
        let terms = bound.terms_with(&denoiser, &process, &bytes, noise).unwrap();
        let known: f64 = terms.map(Result::unwrap).skip(1).map(|term| term.nats.double_value(&[0])).sum();
        let found: f64 = (1..=7)
            .map(|t| {
                let (a, s) = (process.signal(t as f64), process.noise(t as f64));
                let x_t = a * &bytes + s * eps.narrow(0, t - 1, 1);
                let seen = denoiser.denoise(&x_t, t as f64).unwrap();
                4.0 * nats_of_each(&process, &bytes, &seen, variance, &[t as f64]).unwrap().double_value(&[0])
            })
            .sum();
        assert!((found / known - 1.0).abs() < 1e-6, "{variance:?}: {found} and {known}");
    }
    let between: Tensor = &bytes * 0.997;
    let refused = Bound::default().terms(&denoiser, &process, &between, 1).err().unwrap().to_string();
    assert!(refused.contains("between the bytes"), "{refused}");
}
