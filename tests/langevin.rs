//! Langevin dynamics: at one level, annealed, and as a corrector. On Gaussian data every step is affine, so that variances have closed forms.

mod common;
#[path = "common/on_gaussian.rs"]
mod on_gaussian;

use common::libtorch;
use ddpm_tutor::prelude::*;
use on_gaussian::cosine;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn quiet() -> InferenceLogger {
    InferenceLogger::new(InferType::None)
}

/// The factor `c` and the variance that a step adds to a single number, `x <- c x + w_1 z_1 + w_2 z_2 + …`, with as many draws `z` as
/// `draws`, found with the same noise for all steps.
fn factor_and_variance(step: &mut dyn FnMut(&Tensor) -> Tensor, draws: i64) -> [f64; 2] {
    let rows = |of: f64| Tensor::full([draws, 1], of, DOUBLE);
    tch::manual_seed(5);
    let noise: Vec<Tensor> = (0..draws).map(|_| rows(0.0).randn_like().view([draws])).collect();
    let mut seeded = |of: f64| {
        tch::manual_seed(5);
        step(&rows(of))
    };
    let of_zero = seeded(0.0);
    let factor = (seeded(1.0) - &of_zero).double_value(&[0, 0]);
    let weights = Tensor::stack(&noise, 1).inverse().matmul(&of_zero);
    [factor, weights.square().sum(Kind::Double).double_value(&[])]
}

fn isotropic(process: &dyn Process, variance: f64) -> GaussianOracle<'_> {
    GaussianOracle::isotropic(process, &Tensor::zeros([1], DOUBLE), variance)
}

#[test]
fn the_variance_of_the_unadjusted_algorithm_is_that_of_the_closed_form() {
    let _guard = libtorch();
    for (process, t) in [(&Ve::default() as &dyn Process, 0.4), (&Vp::default(), 0.3), (&NoiseScales::default(), 7.0)] {
        let oracle = isotropic(process, 0.25);
        let v = process.signal(t).powi(2) * 0.25 + process.noise(t).powi(2);
        for gamma in [0.01 * v, 0.3 * v, 1.5 * v] {
            let mut langevin = Langevin::new(t, 1, gamma);
            let mut step = |x: &Tensor| langevin.step(&oracle, process, x, t, t).unwrap().x;
            let [c, added] = factor_and_variance(&mut step, 1);
            let stationary = added / (1.0 - c * c);
            let expected = v / (1.0 - gamma / (4.0 * v));
            assert!((stationary / expected - 1.0).abs() < 1e-9, "gamma = {gamma}: {stationary}, not {expected}");
        }
    }
}

/// The preconditioner `M = Sigma` of the noisy data: the same factor in all directions, `Sigma / ( 1 - gamma / 4 )`; and without it another
/// one in each.
#[test]
fn a_preconditioner_makes_the_bias_the_same_in_all_directions() {
    let _guard = libtorch();
    let (levels, t, gamma) = (NoiseScales::default(), 5.0, 0.8);
    tch::manual_seed(2);
    let mixing = Tensor::from_slice(&[2.0, 0.0, 1.2, 0.3]).view([2, 2]);
    let samples = Tensor::randn([1000, 2], DOUBLE).matmul(&mixing);
    let oracle = GaussianOracle::fitted(&levels, &samples, 2).unwrap();
    let centred = &samples - samples.mean_dim(0, false, Kind::Double);
    let covariance = centred.tr().matmul(&centred) / 999.0 + levels.noise(t).powi(2) * Tensor::eye(2, DOUBLE);
    let mean = samples.mean_dim(0, false, Kind::Double);

    let mut langevin = Langevin::new(t, 1, gamma).preconditioned(&covariance).unwrap();
    let mut step = |x: &Tensor| {
        tch::manual_seed(6);
        langevin.step(&oracle, &levels, x, t, t).unwrap().x
    };
    // Rows: x = mean, and mean plus each unit vector; all with noise of their own.
    let unit = Tensor::cat(&[Tensor::zeros([1, 2], DOUBLE), Tensor::eye(2, DOUBLE)], 0);
    let at_mean = step(&(&mean + Tensor::zeros([3, 2], DOUBLE)));
    let moved = step(&(&mean + &unit)) - &at_mean;
    // The score is - Sigma^-1 ( x - mean ), so that with M = Sigma each step shrinks all directions alike.
    assert!((moved - (1.0 - gamma / 2.0) * &unit).abs().max().double_value(&[]) < 1e-9);
    tch::manual_seed(6);
    let z = Tensor::randn([3, 2], DOUBLE);
    let root = (z.transpose(0, 1).matmul(&z)).inverse().matmul(&z.tr()).matmul(&(&at_mean - &mean));
    let of_noise = root.tr().matmul(&root);
    assert!((of_noise - gamma * &covariance).abs().max().double_value(&[]) < 1e-9);

    // Many steps of many samples, in total: Sigma / ( 1 - gamma / 4 ).
    let mut langevin = Langevin::new(t, 40, gamma).preconditioned(&covariance).unwrap();
    let start = &mean + Tensor::zeros([100_000, 2], DOUBLE);
    let drawn = run_chain(&mut langevin, &oracle, &levels, start, &mut quiet()).unwrap();
    let apart = &drawn - &mean;
    let found = apart.tr().matmul(&apart) / 1e5;
    let expected = &covariance / (1.0 - gamma / 4.0);
    assert!(found.allclose(&expected, 0.03, 1e-3, false), "{found} {expected}");
    for wrong in [
        Tensor::ones([2, 2], DOUBLE),
        Tensor::ones([2, 3], DOUBLE),
        Tensor::from_slice(&[1.0, 0.5, 0.0, 1.0]).view([2, 2]),
    ] {
        let refused = Langevin::new(t, 1, gamma).preconditioned(&wrong).unwrap_err().to_string();
        assert!(refused.contains("symmetric and positive definite"), "{refused}");
    }
    let refused = langevin.step(&isotropic(&levels, 1.0), &levels, &Tensor::zeros([3, 1], DOUBLE), t, t);
    assert!(refused.unwrap_err().to_string().contains("2 numbers each"));
}

#[test]
fn langevin_dynamics_stays_at_its_time() {
    let _guard = libtorch();
    let levels = NoiseScales::default();
    let oracle = isotropic(&levels, 0.25);
    let mut seen = Vec::new();
    let mut observer = |state: &ChainState| {
        seen.push((state.t, state.step, state.steps));
        std::ops::ControlFlow::Continue(())
    };
    let mut langevin = Langevin::new(3.0, 4, 1e-4);
    let _last = run_chain(&mut langevin, &oracle, &levels, Tensor::zeros([2, 1], DOUBLE), &mut observer).unwrap();
    assert_eq!(seen, (0..=4).map(|step| (3.0, step, 4)).collect::<Vec<_>>());
    let refused = |mut of: Langevin, process: &dyn Process| of.times(process).unwrap_err().to_string();
    for (of, words) in [
        (Langevin::new(0.0, 4, 1e-4), "got 0"),
        (Langevin::new(11.0, 4, 1e-4), "1..=10"),
        (Langevin::new(3.0, 0, 1e-4), "Langevin.steps"),
        (Langevin::new(3.0, 4, 0.0), "Langevin.step_size"),
    ] {
        let message = refused(of, &levels);
        assert!(message.contains(words), "{message}");
    }
    let skewed = NoiseConfig::from(Gamma::default()).of(Box::new(cosine(40))).unwrap();
    assert!(refused(Langevin::new(3.0, 4, 1e-4), &*skewed).contains("this process is gamma"));
    let moves = langevin.step(&oracle, &levels, &Tensor::zeros([2, 1], DOUBLE), 3.0, 2.0).unwrap_err().to_string();
    assert!(moves.contains("stays at one time"), "{moves}");
}

/// On data that is one point, a level above `gamma` times as wide: Song & Ermon 2020, proposition 3.
#[test]
fn the_variance_after_a_level_is_that_of_proposition_3() {
    let _guard = libtorch();
    let scales = NoiseScales { steps: 6, sigma_min: 0.01, sigma_max: 2.0 };
    let oracle = isotropic(&scales, 0.0);
    for (corrections, step_size) in [(1, 0.3), (3, 0.05), (7, 0.8)] {
        for (convention, size) in [(LangevinConvention::NcsnV2, step_size), (LangevinConvention::Ncsn, 2.0 * step_size)]
        {
            let mut annealed = AnnealedLangevin { corrections, step_size: size, convention, ..Default::default() };
            let mut step = |x: &Tensor| annealed.step(&oracle, &scales, x, 4.0, 3.0).unwrap().x;
            let [c, added] = factor_and_variance(&mut step, corrections as i64);
            let found = c * c * scales.ratio().powi(2) + added / scales.noise(3.0).powi(2);
            let expected = annealed_variance(scales.ratio(), corrections, step_size);
            assert!((found / expected - 1.0).abs() < 1e-9, "{corrections}, {step_size}: {found}, not {expected}");
        }
    }
    // With the rule for the step size, the variance hardly rises over a level.
    let of_rule = AnnealedLangevin::for_scales(&scales, 20);
    assert!(annealed_variance(scales.ratio(), 20, of_rule.step_size) < 1.15, "{of_rule:?}");
}

/// A whole chain, by the recursion over its levels: `V <- ( 1 - alpha / v )^2 V + 2 alpha`, `n` times at each, and the posterior mean at the end.
#[test]
fn the_variance_of_annealed_samples_is_that_of_the_recursion() {
    let _guard = libtorch();
    let (scales, variance, n) = (NoiseScales::default(), 0.25, 5);
    let oracle = isotropic(&scales, variance);
    let mut annealed = AnnealedLangevin { corrections: n, ..Default::default() };
    let times = annealed.times(&scales).unwrap();
    assert_eq!(times.len(), 11);
    let v = |t: f64| variance + scales.noise(t).powi(2);
    let (mut found, mut expected) = (scales.noise_at_end().powi(2), scales.noise_at_end().powi(2));
    for pair in times.windows(2) {
        let mut step = |x: &Tensor| annealed.step(&oracle, &scales, x, pair[0], pair[1]).unwrap().x;
        let [c, added] = factor_and_variance(&mut step, n as i64);
        found = c * c * found + added;
        if pair[1] == 0.0 {
            expected *= (variance / v(1.0)).powi(2);
        } else {
            let alpha = 0.1 * scales.noise(pair[1]).powi(2);
            for _ in 0..n {
                expected = (1.0 - alpha / v(pair[1])).powi(2) * expected + 2.0 * alpha;
            }
        }
        assert!((found / expected - 1.0).abs() < 1e-9, "{pair:?}: {found}, not {expected}");
    }
    for (wrong, field) in [
        (AnnealedLangevin { corrections: 0, ..Default::default() }, "AnnealedLangevin.corrections"),
        (AnnealedLangevin { step_size: 0.0, ..Default::default() }, "AnnealedLangevin.step_size"),
    ] {
        assert!(SamplerConfig::from(wrong).sampler().times(&scales).unwrap_err().to_string().starts_with(field));
    }
}

/// VP and VE differ by the factor `a` alone: at levels with the same signal-to-noise ratio, `x / a` takes the same steps.
#[test]
fn on_a_process_that_reduces_the_signal_it_is_the_same_algorithm() {
    let _guard = libtorch();
    let (vp, edm) = (Vp::default(), EdmNoise::default());
    let (of_vp, of_edm) = (isotropic(&vp, 0.25), isotropic(&edm, 0.25));
    let mut annealed = AnnealedLangevin { corrections: 3, ..Default::default() };
    let mut step = |d: &dyn Denoiser, p: &dyn Process, y: &Tensor, log_snrs: [f64; 2]| {
        let [from, to] = log_snrs.map(|log_snr| p.time_of_log_snr(log_snr));
        tch::manual_seed(3);
        annealed.step(d, p, &(p.signal(from) * y), from, to).unwrap().x / p.signal(to)
    };
    let y = Tensor::from_slice(&[0.3, -2.0]).view([2, 1]);
    for log_snrs in [[-4.0, -3.0], [0.0, 2.0]] {
        let difference = step(&of_vp, &vp, &y, log_snrs) - step(&of_edm, &edm, &y, log_snrs);
        assert!(difference.abs().max().double_value(&[]) < 1e-9, "{difference}");
    }
}

/// Two far modes with shares .8 and .2. At one noise level no sample crosses; with many levels, the shares come out right.
#[test]
fn one_noise_level_never_mixes_and_many_do() {
    let _guard = libtorch();
    tch::manual_seed(7);
    let scales = NoiseScales { steps: 40, sigma_min: 0.1, sigma_max: 16.0 };
    let means = Tensor::from_slice(&[4.0, 0.0, -4.0, 0.0]).view([2, 2]);
    let modes = MixtureOracle::of_gaussians(&scales, &means, &[0.04, 0.04], &[0.8, 0.2]).unwrap();
    let share = |x: &Tensor| x.select(1, 0).lt(0.0).to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
    let n = 1000;
    let draw = |sampler: &mut dyn Sampler, start: Tensor| {
        share(&run_chain(sampler, &modes, &scales, start, &mut quiet()).unwrap())
    };
    // The level of 0.47.
    let (t, wide) = (13.0, || 16.0 * Tensor::randn([n, 2], DOUBLE));
    let mut one_level = Langevin::new(t, 600, 0.2 * scales.noise(t).powi(2));
    let in_one_mode = means.get(0) + 0.1 * Tensor::randn([n, 2], DOUBLE);
    assert_eq!(draw(&mut one_level, in_one_mode), 0.0, "no sample leaves its mode");
    let from_noise = draw(&mut one_level, wide());
    assert!((from_noise - 0.5).abs() < 0.06, "each goes to the nearer mode: {from_noise}");
    let mut annealed = AnnealedLangevin { corrections: 20, ..Default::default() };
    let found = draw(&mut annealed, wide());
    assert!((found - 0.2).abs() < 0.05, "{found}");
}

/// Without corrector steps, any predictor is itself.
#[test]
fn without_corrector_steps_it_is_the_predictor_to_the_last_bit() {
    let _guard = libtorch();
    let constants = cosine(40);
    let oracle = GaussianOracle::isotropic(&constants, &Tensor::from_slice(&[0.3, -0.1]), 0.25);
    let draw = |config: &SamplerConfig| {
        tch::manual_seed(4);
        let noise = Tensor::randn([20, 2], DOUBLE);
        run_chain(&mut *config.sampler(), &oracle, &constants, noise, &mut quiet()).unwrap()
    };
    for name in ["ancestral", "heun", "deis", "sde-heun", "edm-stochastic"] {
        let predictor = SamplerConfig::from_name(name).unwrap();
        let with_steps = predictor.with_setting("steps", 13.into()).unwrap();
        let of = |corrections| {
            let predictor = Box::new(predictor.clone());
            SamplerConfig::from(PredictorCorrector { steps: Some(13), predictor, corrections, ..Default::default() })
        };
        assert_eq!(draw(&of(0)), draw(&with_steps), "{name}");
        assert_ne!(draw(&of(1)), draw(&with_steps), "{name}");
        assert_eq!(of(0).is_deterministic(), predictor.is_deterministic());
        assert_eq!(of(3).network_calls(), Some(predictor.network_calls().unwrap() + 3));
    }
}

/// The recursion with the means of the norms: `|z| / |g|` is `v / sqrt(V)` for samples of variance `V` where the data has `v`, so that
/// `step = 2 alpha r^2 v^2 / V`, and `V <- ( 1 - step / v )^2 V + 2 step`.
#[test]
fn the_variance_of_corrected_samples_is_that_of_the_recursion() {
    let _guard = libtorch();
    let (variance, snr, n) = (0.25_f64, 0.5_f64, 400_000);
    for (process, layout) in [(&Vp::default() as &dyn Process, "log-snr"), (&Ve::default(), "trailing")] {
        let oracle = isotropic(process, variance);
        let layout = StepLayoutConfig::from_name(layout).unwrap();
        let predictor = Box::new(Ancestral::with_variance(ReverseVariance::Posterior).into());
        let settings = PredictorCorrector { steps: Some(12), layout, predictor, corrections: 2, snr };
        let mut sampler = settings.sampler();
        let times = sampler.times(process).unwrap();
        let v = |t: f64| process.signal(t).powi(2) * variance + process.noise(t).powi(2);
        tch::manual_seed(3);
        let mut expected = v(times[0]);
        let mut x = expected.sqrt() * Tensor::randn([n, 1], DOUBLE);
        for (k, pair) in times.windows(2).enumerate() {
            let [from, to] = [pair[0], pair[1]];
            x = sampler.step(&oracle, process, &x, from, to).unwrap().x;
            let posterior = Posterior::of(process, from, to);
            let share = process.signal(from) * variance / v(from);
            expected = (posterior.of_x0 * share + posterior.of_x_t).powi(2) * expected + posterior.variance;
            if to > 0.0 {
                // 1 - beta of the forward step that ends at this time.
                let alpha = (process.signal(to) / process.signal(times[k + 2])).powi(2);
                for _ in 0..2 {
                    let step = 2.0 * alpha * snr.powi(2) * v(to).powi(2) / expected;
                    expected = (1.0 - step / v(to)).powi(2) * expected + 2.0 * step;
                }
            }
            let found = x.var(true).double_value(&[]);
            // Five standard errors of a variance of so many samples.
            let most = 5.0 * (2.0 / n as f64).sqrt();
            assert!((found / expected - 1.0).abs() < most, "from {from} to {to}: {found}, not {expected}");
        }
    }
}

#[test]
fn a_corrector_needs_a_predictor_without_steps_of_its_own() {
    let vp = Vp::default();
    let refused = |of: PredictorCorrector| of.sampler().times(&vp).unwrap_err().to_string();
    let with = |predictor: SamplerConfig| PredictorCorrector {
        predictor: Box::new(predictor),
        steps: Some(9),
        ..Default::default()
    };
    for (of, words) in [
        (with(PredictorCorrector::default().into()), "not itself a predictor-corrector"),
        (with(Ddim { steps: Some(5), ..Default::default() }.into()), "ddim with steps 5"),
        (with(Ddim { layout: Quadratic.into(), ..Default::default() }.into()), "without steps and layout of its own"),
        (PredictorCorrector { snr: 0.0, ..with(Ancestral::default().into()) }, "PredictorCorrector.snr"),
        (PredictorCorrector { steps: None, ..with(Ancestral::default().into()) }, "a number of steps"),
    ] {
        let message = refused(of);
        assert!(message.contains(words), "{message}");
    }
    let json = serde_json::json!({ "name": "predictor-corrector", "steps": 7, "predictor": { "name": "ddim", "eta": 0.5 }, "snr": 0.1 });
    let read: SamplerConfig = serde_json::from_value(json).unwrap();
    let predictor = Box::new(Ddim { eta: 0.5, ..Default::default() }.into());
    assert_eq!(read, PredictorCorrector { steps: Some(7), predictor, snr: 0.1, ..Default::default() }.into());
    assert_eq!(read.sampler().times(&vp).unwrap().len(), 8);
}

/// A network that has learned nothing has the score 0, which sets no step.
#[test]
fn a_score_of_0_is_not_divided_by() {
    let _guard = libtorch();
    let model = common::ClosedForm::new(&[2], |x, _| x.zeros_like());
    let vp = Vp::default();
    let mut sampler = SamplerConfig::from(PredictorCorrector { steps: Some(5), ..Default::default() }).sampler();
    let noise = Tensor::randn([4, 2], (Kind::Float, Device::Cpu));
    let drawn = run_chain(&mut *sampler, &model.denoiser(&vp), &vp, noise, &mut quiet()).unwrap();
    assert_eq!(drawn.isfinite().all().int64_value(&[]), 1);
}
