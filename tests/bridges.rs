//! Bridges between two distributions against closed forms: stochastic interpolants, the Brownian bridge, Sinkhorn and iterative proportional fitting.

mod common;

use std::path::Path;

use common::{ClosedForm, Noting, Seen, base, libtorch, quick_training};
use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn furthest(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

fn mean(x: &Tensor) -> f64 {
    x.mean(Kind::Double).double_value(&[])
}

fn covariance(x: &Tensor, y: &Tensor) -> f64 {
    mean(&((x - mean(x)) * (y - mean(y))))
}

/// All entries, and those without noise with some, too.
fn interpolants() -> Vec<(String, Box<dyn Interpolant>)> {
    let entries = InterpolantConfig::ENTRIES.iter().map(|entry| InterpolantConfig::from_name(entry.name).unwrap());
    let with_noise: [InterpolantConfig; 2] =
        [LinearInterpolant { noise: 0.7 }.into(), TrigonometricInterpolant { noise: 0.7 }.into()];
    entries.chain(with_noise).map(|config| (format!("{config:?}"), config.build())).collect()
}

/// What is wrong with an interpolant that declares this of itself.
fn faults(interpolant: &dyn Interpolant, declared: InterpolantProperties) -> Vec<String> {
    let mut faults = Vec::new();
    let mut require = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    let ends = [0.0, 1.0].map(|t| interpolant.mix(t));
    let factors = ends.map(|mix| [mix.alpha, mix.beta, mix.gamma]);
    let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
    let at_ends = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
    require(factors.iter().flatten().zip(at_ends.iter().flatten()).all(|(a, b)| close(*a, *b)), "its ends are others");
    let slopes_fit = (1..20).filter(|i| *i != 10).all(|i| {
        let (t, h) = (f64::from(i) / 20.0, 1e-6);
        let (before, at, after) = (interpolant.mix(t - h), interpolant.mix(t), interpolant.mix(t + h));
        let slope = |of: fn(&Mix) -> f64| (of(&after) - of(&before)) / (2.0 * h);
        (slope(|mix| mix.alpha) - at.alpha_slope).abs() < 1e-6
            && (slope(|mix| mix.beta) - at.beta_slope).abs() < 1e-6
            && (slope(|mix| mix.gamma.powi(2)) / 2.0 - at.gamma_slope_product).abs() < 1e-6
    });
    require(slopes_fit, "its slopes are others");
    let middle = interpolant.mix(0.5);
    let variance = middle.alpha.powi(2) + middle.beta.powi(2) + middle.gamma.powi(2);
    require((variance - declared.variance_in_the_middle).abs() < 1e-12, "another variance in the middle");
    require((middle.gamma > 0.0) == declared.has_noise, "it has noise, or has not");
    require(
        (middle.alpha.abs() + middle.beta.abs() > 1e-12) == declared.keeps_the_ends,
        "it keeps the ends, or does not",
    );
    faults
}

#[test]
fn every_interpolant_is_what_it_declares_and_a_wrong_one_is_found() {
    for entry in InterpolantConfig::ENTRIES {
        let config = InterpolantConfig::from_name(entry.name).unwrap();
        let faults = faults(&*config.build(), config.properties());
        assert!(faults.is_empty(), "{}: {faults:?}", entry.name);
    }
    /// The slope of the signal of the wrong sign.
    #[derive(Debug)]
    struct Wrong;
    impl Interpolant for Wrong {
        fn mix(&self, t: f64) -> Mix {
            Mix { alpha_slope: 1.0, ..LinearInterpolant::default().mix(t) }
        }
    }
    let declared = InterpolantConfig::from(LinearInterpolant::default()).properties();
    assert_eq!(faults(&Wrong, declared), ["its slopes are others"]);
    for (config, name) in [
        (InterpolantConfig::from(LinearInterpolant { noise: -1.0 }), "LinearInterpolant.noise"),
        (BrownianBridge { scale: 0.0 }.into(), "BrownianBridge.scale"),
    ] {
        let refused = config.build().validate().unwrap_err().to_string();
        assert!(refused.starts_with(name), "{refused}");
    }
}

/// BBDM, equations 3 to 11: mean `(1 - m) x_0 + m y`, variance `2 s ( m - m^2 )`; steps compose; `x_1 = y`; a step back is Bayes' rule.
#[test]
fn a_brownian_bridge_composes_and_ends_at_its_end() {
    let bridge = BrownianBridge { scale: 0.8 };
    let then = |first: [f64; 3], second: [f64; 3]| {
        let [a, b, v] = second;
        [a * first[0], a * first[1] + b, a * a * first[2] + v]
    };
    let close = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    for (t, s, r) in [(0.0, 0.2, 0.7), (0.1, 0.5, 0.9), (0.3, 0.6, 1.0)] {
        assert!(close(then(bridge.transition(t, s), bridge.transition(s, r)), bridge.transition(t, r)));
    }
    let mix = bridge.mix(0.3);
    assert!(close(bridge.transition(0.0, 0.3), [mix.alpha, mix.beta, mix.gamma.powi(2)]));
    assert!((mix.gamma.powi(2) - 2.0 * 0.8 * (0.3 - 0.09)).abs() < 1e-12);
    assert_eq!(bridge.transition(0.4, 1.0), [0.0, 1.0, 0.0]);
    for (from, to) in [(1.0, 0.6), (0.9, 0.2), (0.5, 0.0), (1.0, 0.0)] {
        let back = BridgePosterior::new(&bridge, from, to).unwrap();
        // Of x_from = ( 1 - from ) x_0 + from y + noise, it makes x_to with its mean and its variance.
        let means = [back.of_state * (1.0 - from) + back.of_data, back.of_state * from + back.of_end];
        let variance = back.of_state.powi(2) * bridge.variance(from) + back.variance;
        assert!(close([means[0], means[1], variance], [1.0 - to, to, bridge.variance(to)]), "{from} to {to}");
    }
    // Bayes' rule, by the covariance: cov(x_to, x_from) = kept var(x_to).
    let (from, to) = (0.7, 0.4);
    let [kept, _, _] = bridge.transition(to, from);
    let expected = kept * bridge.variance(to) / bridge.variance(from);
    assert!((BridgePosterior::new(&bridge, from, to).unwrap().of_state - expected).abs() < 1e-12);
    assert!(BridgePosterior::new(&bridge, 0.3, 0.3).is_err());
}

const MEANS: [f64; 2] = [0.6, -1.2];
const DEVIATIONS: [f64; 2] = [0.5, 1.5];

/// Independent ends, those of the optimal transport, and some between.
const COVARIANCES: [f64; 3] = [0.0, 0.75, 0.3];

/// `b(x) = slope x + offset`, from its values at 0 and 1.
fn flow_at(interpolant: &dyn Interpolant, field: &dyn InterpolantField, t: f64) -> [f64; 2] {
    let mix = interpolant.mix(t);
    let value = |x: f64| {
        let Means { velocity, z } = field.means(&Tensor::from_slice(&[x]).view([1, 1]), t).unwrap();
        let of_noise = z.map_or(0.0, |z| mix.gamma_slope_product / mix.gamma * z.double_value(&[0, 0]));
        velocity.double_value(&[0, 0]) + of_noise
    };
    [value(1.0) - value(0.0), value(0.0)]
}

/// The flow moves mean and variance as those of `x_t` do, and the score is that of the Gaussian: `- ( x - M ) / V`.
#[test]
fn the_field_between_gaussians_has_the_moments_and_the_score_of_the_closed_form() {
    for (name, interpolant) in interpolants() {
        for covariance in COVARIANCES {
            let field = GaussianEnds::new(&*interpolant, MEANS, DEVIATIONS, covariance).unwrap();
            for t in [0.1, 0.35, 0.7, 0.95] {
                let [mean, variance] = field.moments(t);
                let [slope, offset] = flow_at(&*interpolant, &field, t);
                let h = 1e-6;
                let (after, before) = (field.moments(t + h), field.moments(t - h));
                let of = |i: usize| (after[i] - before[i]) / (2.0 * h);
                assert!((of(0) - (slope * mean + offset)).abs() < 1e-6, "{name}, {covariance}, t = {t}");
                assert!((of(1) - 2.0 * slope * variance).abs() < 1e-6, "{name}, {covariance}, t = {t}");
                let x = Tensor::from_slice(&[0.3]).view([1, 1]);
                if let Some(z) = field.means(&x, t).unwrap().z {
                    let score = -z.double_value(&[0, 0]) / interpolant.mix(t).gamma;
                    assert!((score + (0.3 - mean) / variance).abs() < 1e-12, "{name}, t = {t}");
                }
            }
        }
    }
    let line = LinearInterpolant::default();
    assert!(
        GaussianEnds::new(&line, MEANS, DEVIATIONS, 0.8).unwrap_err().to_string().contains("between -0.75 and 0.75")
    );
}

/// Mean and variance of the samples after each step, by recursion: a step takes `x` to `c x + d + sigma z`.
fn moments_along(
    sampler: &BridgeSampler,
    interpolant: &dyn Interpolant,
    field: &GaussianEnds,
    forward: bool,
    until: f64,
) -> [f64; 2] {
    let time = |k: usize| {
        let share = k as f64 / sampler.steps as f64;
        if forward { share } else { 1.0 - share }
    };
    let [mut mean, mut variance] = field.moments(time(0));
    for k in 0..sampler.steps {
        let (from, to) = (time(k), time(k + 1));
        if (from - until).abs() < 1e-9 {
            break;
        }
        let step = |x: f64, seed: i64| {
            tch::manual_seed(seed);
            let x = Tensor::from_slice(&[x]).view([1, 1]);
            sampler.step(interpolant, field, &x, from, to).unwrap().double_value(&[0, 0])
        };
        tch::manual_seed(1);
        let z = Tensor::randn([1, 1], DOUBLE).double_value(&[0, 0]);
        tch::manual_seed(2);
        let other = Tensor::randn([1, 1], DOUBLE).double_value(&[0, 0]);
        let (of_zero, of_one, again) = (step(0.0, 1), step(1.0, 1), step(0.0, 2));
        let sigma = (of_zero - again) / (z - other);
        let (slope, offset) = (of_one - of_zero, of_zero - sigma * z);
        (mean, variance) = (slope * mean + offset, slope * slope * variance + sigma * sigma);
    }
    [mean, variance]
}

/// The flow and every SDE have the moments of `x_t` on the way and at the end, in both directions.
#[test]
fn the_flow_and_the_sdes_have_the_same_marginals() {
    let _generator = libtorch();
    for (name, interpolant) in interpolants() {
        for covariance in [0.0, 0.75] {
            let field = GaussianEnds::new(&*interpolant, MEANS, DEVIATIONS, covariance).unwrap();
            let mut diffusions = vec![(Diffusion::None, 200)];
            if interpolant.mix(0.3).gamma > 0.0 {
                diffusions.extend([(Diffusion::Constant(0.5), 400), (Diffusion::LikeGamma(2.0), 400)]);
            }
            for (diffusion, steps) in diffusions {
                let sampler = BridgeSampler { steps, diffusion };
                for (forward, until) in [(true, 0.75), (true, 1.0), (false, 0.25), (false, 0.0)] {
                    let found = moments_along(&sampler, &*interpolant, &field, forward, until);
                    let expected = field.moments(until);
                    let error = (found[0] - expected[0]).abs().max((found[1] / expected[1] - 1.0).abs());
                    let most = 0.03;
                    assert!(
                        error < most,
                        "{name}, {covariance}, {diffusion:?}, to {until}: {found:?}, not {expected:?}"
                    );
                }
            }
        }
    }
}

/// The flow is a map: for Gaussians, `x_1 = m_1 + s_1 / s_0 ( x_0 - m_0 )`, of second order in the steps, and back.
#[test]
fn the_flow_is_the_map_of_the_closed_form() {
    let x0 = Tensor::from_slice(&[-1.0, 0.2, 0.9, 2.0]).view([4, 1]);
    let expected: Tensor = MEANS[1] + DEVIATIONS[1] / DEVIATIONS[0] * (&x0 - MEANS[0]);
    for interpolant in [&TrigonometricInterpolant { noise: 0.0 } as &dyn Interpolant, &LinearInterpolant { noise: 0.0 }]
    {
        let field = GaussianEnds::new(interpolant, MEANS, DEVIATIONS, 0.3).unwrap();
        let sampler = |steps: usize| BridgeSampler { steps, ..Default::default() };
        let error = |steps: usize| furthest(&sampler(steps).forward(interpolant, &field, &x0).unwrap(), &expected);
        let (coarse, fine) = (error(10), error(20));
        assert!(fine < 0.03 && (3.0..5.0).contains(&(coarse / fine)), "{interpolant:?}: {coarse}, {fine}");
        let back = sampler(200).back(interpolant, &field, &expected).unwrap();
        assert!(furthest(&back, &x0) < 1e-3, "{interpolant:?}: {}", furthest(&back, &x0));
        let noisy = BridgeSampler { steps: 5, diffusion: Diffusion::Constant(0.5) };
        let refused = noisy.forward(interpolant, &field, &x0).unwrap_err().to_string();
        assert!(refused.contains("an interpolant without noise has none"), "{refused}");
    }
    // Invalid settings are rejected before the first step.
    let noisy = LinearInterpolant { noise: 0.5 };
    let field = GaussianEnds::new(&noisy, MEANS, DEVIATIONS, 0.3).unwrap();
    for diffusion in [Diffusion::Constant(0.0), Diffusion::LikeGamma(0.0), Diffusion::Constant(f64::NAN)] {
        let refused = BridgeSampler { steps: 5, diffusion }.forward(&noisy, &field, &x0).unwrap_err().to_string();
        assert!(refused.contains("BridgeSampler.diffusion: expected above 0"), "{refused}");
    }
    let wrong = LinearInterpolant { noise: -0.5 };
    let refused = BridgeSampler::default().forward(&wrong, &field, &x0).unwrap_err().to_string();
    assert!(refused.contains("LinearInterpolant.noise"), "{refused}");
    for deviations in [[f64::NAN, 1.0], [1.0, f64::NAN], [f64::INFINITY, 1.0], [-1.0, 1.0]] {
        let refused = GaussianEnds::new(&noisy, MEANS, deviations, 0.0).unwrap_err().to_string();
        assert!(refused.contains("deviations of the ends: expected at least 0"), "{refused}");
    }
}

/// The last step adds no fresh noise: at a narrow end, few steps leave no more than the width of it.
#[test]
fn an_sde_reaches_an_end_that_is_narrow() {
    let _generator = libtorch();
    tch::manual_seed(4);
    let (bridge, width) = (BrownianBridge { scale: 1.0 }, 0.01);
    let wide: Tensor = MEANS[1] + Tensor::randn([4000, 1], DOUBLE);
    // As much noise as the bridge has: with other noise, the last step has an error of its own.
    let sampler = BridgeSampler { steps: 20, diffusion: Diffusion::Constant(bridge.scale) };
    let forward = GaussianEnds::new(&bridge, [MEANS[1], 0.4], [1.0, width], 0.0).unwrap();
    let back = GaussianEnds::new(&bridge, [0.4, MEANS[1]], [width, 1.0], 0.0).unwrap();
    for found in [sampler.forward(&bridge, &forward, &wide).unwrap(), sampler.back(&bridge, &back, &wide).unwrap()] {
        let far = (found - 0.4).square().mean(Kind::Double).double_value(&[]).sqrt();
        assert!(far < 2.0 * width, "{far}: with fresh noise it is 0.3");
    }
}

/// Ends of which the one follows from the other, `x_0 = 2 y`, are reached exactly; for Gaussians with a covariance, the samples have it.
#[test]
fn a_conditional_bridge_leads_to_the_partner() {
    let _generator = libtorch();
    tch::manual_seed(3);
    let bridge = BrownianBridge { scale: 0.4 };
    let y: Tensor = MEANS[1] + DEVIATIONS[1] * Tensor::randn([20_000, 1], DOUBLE);
    for eta in [0.0, 0.5, 1.0] {
        let found = brownian_bridge_chain(&bridge, &|_, y, _| Ok(y * 2.0), &y, 7, eta).unwrap();
        assert!(furthest(&found, &(&y * 2.0)) < 1e-12, "eta = {eta}");
    }
    let c = 0.5;
    // x_0 given y is Gaussian, and x_t is a noisy view of it.
    let predict = |x_t: &Tensor, y: &Tensor, t: f64| {
        let prior: Tensor = MEANS[0] + c / DEVIATIONS[1].powi(2) * (y - MEANS[1]);
        let variance = DEVIATIONS[0].powi(2) - c * c / DEVIATIONS[1].powi(2);
        let gain = (1.0 - t) * variance / ((1.0 - t).powi(2) * variance + bridge.variance(t));
        Ok(if t < 1.0 { &prior + gain * (x_t - (1.0 - t) * &prior - t * y) } else { prior })
    };
    let found = brownian_bridge_chain(&bridge, &predict, &y, 200, 1.0).unwrap();
    let moments = [mean(&found), covariance(&found, &found), covariance(&found, &y)];
    for (found, expected) in moments.into_iter().zip([MEANS[0], DEVIATIONS[0].powi(2), c]) {
        assert!((found - expected).abs() < 0.02, "{moments:?}");
    }
    let refused =
        |steps: usize, eta: f64| brownian_bridge_chain(&bridge, &predict, &y, steps, eta).unwrap_err().to_string();
    assert!(refused(0, 1.0).contains("at least 1") && refused(5, 2.0).contains("0 to 1"));
}

/// The loss is least for the exact field: its gradient with respect to a factor of the field vanishes at 1.
#[test]
fn the_exact_field_minimizes_the_loss_of_a_learner() {
    let _generator = libtorch();
    tch::manual_seed(6);
    let interpolant = BrownianBridge { scale: 0.5 };
    let ends = Tensor::randn([100_000, 2], (Kind::Float, Device::Cpu));
    let scale = Tensor::from_slice(&DEVIATIONS.map(|s| s as f32));
    let pairs = Batch::of(ends * scale + Tensor::from_slice(&MEANS.map(|m| m as f32)));
    let exact = move |x: &Tensor, t: &Tensor| {
        let share = t.to_kind(Kind::Double).view([-1, 1]) / 1000.0;
        let (a, x): (Tensor, Tensor) = (1.0 - &share, x.to_kind(Kind::Double));
        let gamma: Tensor = (2.0 * interpolant.scale * &share * &a).sqrt();
        let [v0, v1] = DEVIATIONS.map(|s| s * s);
        let variance: Tensor = &a * &a * v0 + &share * &share * v1 + &gamma * &gamma;
        let rest = (x - &a * MEANS[0] - &share * MEANS[1]) / variance;
        let velocity = MEANS[1] - MEANS[0] + (&share * v1 - a * v0) * &rest;
        Tensor::cat(&[velocity, gamma * rest], 1).to_kind(Kind::Float)
    };
    let gradients = |factors: [f32; 2]| {
        let network = ClosedForm::with_weight(&[1], &factors, move |x, t, weight| exact(x, t) * weight);
        let learner = InterpolantLearner::new(&network, &interpolant);
        tch::manual_seed(8);
        let loss = learner.loss(&pairs).unwrap().by_sample.mean(Kind::Float);
        let gradient =
            Tensor::run_backward(&[&loss], &network.var_store().trainable_variables(), false, false).remove(0);
        [gradient.double_value(&[0]), gradient.double_value(&[1])]
    };
    let at = gradients([1.0, 1.0]);
    assert!(at.iter().all(|g| g.abs() < 0.03), "{at:?}");
    assert!(gradients([0.8, 0.8]).iter().all(|g| *g < -0.05), "{:?}", gradients([0.8, 0.8]));
    let single = ClosedForm::new(&[1], |x, _| x.zeros_like());
    let refused = InterpolantLearner::new(&single, &interpolant).loss(&pairs).unwrap_err().to_string();
    assert!(refused.contains("a network with 2 outputs"), "{refused}");
}

#[test]
fn pairs_of_a_bridge_are_validated_as_the_network_is_used() {
    let _generator = libtorch();
    let (network, seen) = Noting::new(&[2], 2);
    let bridge = BrownianBridge::default();
    let rows = Tensor::randn([150, 4], (Kind::Float, Device::Cpu));
    let velocity = rows.narrow(1, 2, 2) - rows.narrow(1, 0, 2);
    let learner = InterpolantLearner::new(&network, &bridge);
    let held_out = Batch::of(rows);
    let loss = learner.validate(&held_out).unwrap();
    assert_eq!(loss, learner.validate(&held_out).unwrap());
    // The network predicts 0, and z has the variance 1.
    let expected = velocity.square().mean(Kind::Double).double_value(&[]) + 1.0;
    assert!((loss - expected).abs() < 0.3, "{loss}, not {expected}");
    let part = |rows: i64| Seen { rows, has_labels: false, training: false };
    assert_eq!(seen.borrow()[..3], [64, 64, 22].map(part));
}

#[test]
fn a_learned_bridge_leads_from_gaussians_to_gaussians() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 4000);
    let training =
        TrainingConfig { epochs: 40, batch_size: 100, learning_rate: 4e-3, ema_decay: 0.98, ..quick_training() };
    tch::manual_seed(2);
    let network =
        Fnn::with_outputs(&FnnConfig { hidden_widths: vec![48, 48], ..Default::default() }, 2, Device::Cpu).unwrap();
    let interpolant = LinearInterpolant { noise: 0.5 };
    let of = |k: usize, n: i64| MEANS[k] + DEVIATIONS[k] * Tensor::randn([n, 2], (Kind::Float, Device::Cpu));
    let pairs = DataLoader::new(Tensor::cat(&[of(0, 4000), of(1, 4000)], 1), &base, &training).unwrap();
    let learner = InterpolantLearner::new(&network, &interpolant).coupled(&Independent);
    let mut state = TrainingState::of_learner(&learner, &base, &training).unwrap();
    while state.epoch() < training.epochs {
        train_one_epoch_of(&learner, &pairs, &mut state, &mut |_| ()).unwrap();
    }
    state.keep_averaged_weights().unwrap();
    let field = NetworkField::new(&network, &interpolant);
    for diffusion in [Diffusion::None, Diffusion::LikeGamma(1.0)] {
        let sampler = BridgeSampler { steps: 40, diffusion };
        for (k, found) in [
            (1, sampler.forward(&interpolant, &field, &of(0, 4000)).unwrap()),
            (0, sampler.back(&interpolant, &field, &of(1, 4000)).unwrap()),
        ] {
            let deviation = found.std(true).double_value(&[]);
            let found = [mean(&found), deviation];
            let fits = (found[0] - MEANS[k]).abs() < 0.15 && (found[1] / DEVIATIONS[k] - 1.0).abs() < 0.15;
            assert!(fits, "{diffusion:?} to end {k}: {found:?}");
        }
    }
    let refused = learner.check(&DataLoader::new(of(0, 50), &base, &training).unwrap()).unwrap_err().to_string();
    assert!(refused.contains("two samples, concatenated along dimension 1"), "{refused}");
    let both = Tensor::cat(&[of(0, 50), of(1, 50)], 1);
    let labelled = DataLoader::labelled(both, &[0; 50], &["a"], &base, &training).unwrap();
    let refused = learner.check(&labelled).unwrap_err().to_string();
    assert!(refused.contains("without labels"), "{refused}");
}

/// The covariance of the ends of the Schrödinger bridge between Gaussians.
fn bridge_covariance(sigma: f64) -> f64 {
    let product = (DEVIATIONS[0] * DEVIATIONS[1]).powi(2);
    ((4.0 * product + sigma.powi(4)).sqrt() - sigma.powi(2)) / 2.0
}

/// Sinkhorn's plan on a grid has the covariance of the closed form; for small `sigma` it is `s_0 s_1`, that of the optimal transport.
#[test]
fn sinkhorn_is_the_schroedinger_bridge_of_gaussians() {
    let grid = |k: usize| {
        let z = Tensor::linspace(-5.0, 5.0, 161, DOUBLE);
        let weights = (&z * &z / -2.0).softmax(0, Kind::Double);
        (MEANS[k] + DEVIATIONS[k] * z, weights)
    };
    let ((x, a), (y, b)) = (grid(0), grid(1));
    let costs: Tensor = (x.unsqueeze(1) - y.unsqueeze(0)).square() / 2.0;
    for (sigma, tolerance) in [(2.0, 1e-4), (1.0, 1e-4), (0.6, 1e-4), (0.3, 2e-3)] {
        let sinkhorn = Sinkhorn { tolerance: 1e-5, ..Sinkhorn::new(sigma * sigma) };
        let plan = sinkhorn.plan_of(&costs, &a, &b).unwrap();
        let p = plan.probabilities();
        let rows = p.sum_dim_intlist([1].as_slice(), false, Kind::Double);
        assert!(furthest(&rows, &a) < 1e-5 && (p.sum(Kind::Double).double_value(&[]) - 1.0).abs() < 1e-5);
        let joint = (&x - MEANS[0]).unsqueeze(1) * (&y - MEANS[1]).unsqueeze(0);
        let found = (p * joint).sum(Kind::Double).double_value(&[]);
        assert!(
            (found - bridge_covariance(sigma)).abs() < tolerance,
            "{sigma}: {found}, not {}",
            bridge_covariance(sigma)
        );
    }
    assert!((bridge_covariance(1e-4) - 0.75).abs() < 1e-7, "the optimal transport");
    let refused = Sinkhorn { iterations: 20, ..Sinkhorn::new(1e-3) }.plan_of(&costs, &a, &b).unwrap_err().to_string();
    assert!(refused.contains("did not converge: after 20"), "{refused}");
    for wrong in [&a * 2.0, &a - &a, a.copy().fill_(f64::NAN)] {
        let refused = Sinkhorn::new(1.0).plan_of(&costs, &wrong, &b).unwrap_err().to_string();
        assert!(refused.contains("weights a: expected above 0 and of sum 1"), "{refused}");
        assert!(Sinkhorn::new(1.0).plan_of(&costs, &a, &wrong).is_err());
    }
    assert!(Sinkhorn::new(1.0).plan_of(&(&costs * f64::NAN), &a, &b).unwrap_err().to_string().contains("finite"));
}

#[test]
fn sinkhorn_is_that_of_pot_and_for_small_epsilon_the_assignment() {
    let _generator = libtorch();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/flows.safetensors");
    let golden = |name: &str| {
        let all = Tensor::read_safetensors(&path).unwrap();
        all.into_iter().find(|(known, _)| known == name).unwrap().1
    };
    let (x, y) = (golden("points.x0").narrow(0, 0, 20), golden("points.eps").narrow(0, 0, 24));
    let plan = Sinkhorn { tolerance: 1e-9, ..Sinkhorn::new(0.25) }.plan(&x, &y).unwrap();
    assert!(furthest(plan.probabilities(), &golden("sinkhorn.plan")) < 1e-9);
    assert!(furthest(&plan.map(&y), &golden("sinkhorn.map")) < 1e-7);
    let images = |x: &Tensor| x.to_kind(Kind::Float).view([-1, 2, 1, 1]);
    let mapped = plan.map(&images(&y));
    assert_eq!((mapped.size(), mapped.kind()), (vec![20, 2, 1, 1], Kind::Float));

    let y = y.narrow(0, 0, 20);
    let sharp = Sinkhorn { tolerance: 1e-3, ..Sinkhorn::new(3e-3) }.plan(&x, &y).unwrap();
    let nearest = y.index_select(0, &sharp.probabilities().argmax(1, false));
    assert_eq!(nearest, OptimalTransport.pair(&x, &y).unwrap());
    tch::manual_seed(1);
    // The mean of what is drawn is the barycentric map.
    let plan = Sinkhorn::new(0.25).plan(&x, &y).unwrap();
    let drawn: Vec<Tensor> = (0..400).map(|_| y.index_select(0, &plan.draw())).collect();
    let error = furthest(&Tensor::stack(&drawn, 0).mean_dim(0, false, Kind::Double), &plan.map(&y));
    assert!(error < 0.25, "{error}");
    assert!(Sinkhorn::new(0.25).plan(&x, &golden("vectors.eps")).is_err() && Sinkhorn::new(0.0).plan(&x, &y).is_err());
}

/// Iterative proportional fitting with linear steps, which is exact between Gaussians.
#[test]
fn ipf_converges_to_the_schroedinger_bridge_of_gaussians() {
    let _generator = libtorch();
    tch::manual_seed(5);
    let n = 20_000;
    let end = |k: usize| MEANS[k] + DEVIATIONS[k] * Tensor::randn([n, 1], DOUBLE);
    for sigma in [1.0, 0.6] {
        // Steps with noise of their own are exact, however few there are.
        let ipf = Ipf { sigma, steps: 8 };
        let mut forward: Box<dyn Steps> = Box::new(Reference);
        let mut covariances = Vec::new();
        for _ in 0..12 {
            let chain = ipf.chain(&*forward, &end(0)).unwrap();
            covariances.push(covariance(&chain[0], &chain[8]));
            let backward = LinearSteps::fitted(&ipf.pairs(&chain).unwrap()).unwrap();
            let chain = ipf.chain(&backward, &end(1)).unwrap();
            forward = Box::new(LinearSteps::fitted(&ipf.pairs(&chain).unwrap()).unwrap());
        }
        // At first, the reference leads to covariance s_0^2.
        assert!((covariances[0] - DEVIATIONS[0].powi(2)).abs() < 0.02, "{covariances:?}");
        let chain = ipf.chain(&*forward, &end(0)).unwrap();
        let found = [mean(&chain[8]), covariance(&chain[8], &chain[8]).sqrt(), covariance(&chain[0], &chain[8])];
        let expected = [MEANS[1], DEVIATIONS[1], bridge_covariance(sigma)];
        let fits = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 0.04);
        assert!(fits, "sigma = {sigma}: {found:?}, not {expected:?}");
        assert!(ipf.pairs(&chain[1..]).is_err());
    }
    assert!(Ipf { sigma: 0.0, steps: 3 }.chain(&Reference, &end(0)).is_err());
}

/// A network learns the same steps.
#[test]
fn the_steps_of_a_network_are_those_of_least_squares() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 4000);
    let training =
        TrainingConfig { epochs: 6, batch_size: 200, learning_rate: 5e-3, ema_decay: 0.98, ..quick_training() };
    tch::manual_seed(7);
    let x0: Tensor = MEANS[0] + DEVIATIONS[0] * Tensor::randn([2000, 2], (Kind::Float, Device::Cpu));
    let ipf = Ipf { sigma: 1.0, steps: 10 };
    let pairs = ipf.pairs(&ipf.chain(&Reference, &x0).unwrap()).unwrap();
    let network = Fnn::new(&FnnConfig { hidden_widths: vec![32, 32], ..Default::default() }, Device::Cpu).unwrap();
    let steps = NetworkSteps::new(&network, 10);
    let loader = DataLoader::new(steps.rows(&pairs), &base, &training).unwrap();
    let mut state = TrainingState::of_learner(&steps, &base, &training).unwrap();
    while state.epoch() < training.epochs {
        train_one_epoch_of(&steps, &loader, &mut state, &mut |_| ()).unwrap();
    }
    state.keep_averaged_weights().unwrap();
    let linear = LinearSteps::fitted(&pairs).unwrap();
    for k in [0, 4, 9] {
        let x = &pairs[k].x;
        let _no_grad = tch::no_grad_guard();
        let (found, expected) = (steps.mean(k, x).unwrap(), linear.mean(k, x).unwrap());
        let step = (&expected - x).square().mean(Kind::Double).double_value(&[]).sqrt();
        let error = (found - expected).square().mean(Kind::Double).double_value(&[]).sqrt();
        assert!(error < 0.3 * step, "step {k}: off by {error} of {step}");
    }
    let refused = steps.check(&DataLoader::new(x0, &base, &training).unwrap()).unwrap_err().to_string();
    assert!(refused.contains("NetworkSteps::rows") && linear.mean(10, &pairs[0].x).is_err(), "{refused}");
}

/// With `E = - ln p(y | x_t)` for an observation `y = x_0 + noise` of Gaussian data, the samples are those of the posterior.
#[test]
fn the_energy_of_an_observation_leads_to_the_posterior() {
    let (mean, variance, of_noise, y) = (0.4, 0.3_f64, 0.2, 1.5);
    let gain = variance / (variance + of_noise);
    let expected = [mean + gain * (y - mean), (variance * (1.0 - gain)).sqrt()];
    let (vp, flow) = (Vp::default(), Flow);
    for process in [&vp as &dyn Process, &flow] {
        let oracle = GaussianOracle::isotropic(process, &Tensor::from_slice(&[mean]), variance);
        // p(y | x_t) is Gaussian around E[ x_0 | x_t ].
        let energy = |x_t: &Tensor, t: f64| {
            let (a, s) = (process.signal(t), process.noise(t));
            let of_x_t = a * a * variance + s * s;
            let left = y - mean - a * variance / of_x_t * (x_t - a * mean);
            let spread = variance * s * s / of_x_t + of_noise;
            Ok((left.square() / (2.0 * spread)).squeeze_dim(1))
        };
        let samples = |scale: f64| {
            let guided = EnergyGuided::new(&oracle, process, &energy, scale).unwrap();
            let mut sampler = Rk4 { steps: Some(300), layout: Trailing.into() };
            // x_T of a Gaussian: the map is affine.
            let x = Tensor::from_slice(&[0.0, 1.0]).view([2, 1]);
            let quiet = &mut InferenceLogger::new(InferType::None).quiet();
            let found: Vec<f64> =
                Vec::try_from(run_chain(&mut sampler, &guided, process, x, quiet).unwrap().view([-1])).unwrap();
            [found[0], found[1] - found[0]]
        };
        for (found, expected) in [(samples(1.0), expected), (samples(0.0), [mean, variance.sqrt()])] {
            let error = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(error < 0.01, "{found:?}, not {expected:?}");
        }
    }
}

#[test]
fn a_low_pass_sees_the_coarse_structure_alone() {
    let source = Tensor::ones([2, 1, 4, 4], DOUBLE);
    let energy = low_pass_energy(&Flow, &source, 2).unwrap();
    let fine = Tensor::from_slice(&[0.3, -0.3, -0.3, 0.3]).view([1, 1, 2, 2]).repeat([2, 1, 2, 2]);
    // At t = 0.25, the signal of the source is 0.75: the fine structure does not count, the shift by 0.1 does, in 4 squares.
    let found = energy(&(0.75 * &source + fine + 0.1), 0.25).unwrap();
    assert!(furthest(&found, &Tensor::full([2], 0.04, DOUBLE)) < 1e-12, "{found:?}");
    assert!(low_pass_energy(&Flow, &source, 3).err().unwrap().to_string().contains("a divisor of the sides [4, 4]"));
    let oracle = GaussianOracle::isotropic(&Flow, &Tensor::zeros([16], DOUBLE), 1.0);
    let guided = EnergyGuided::new(&oracle, &Flow, &energy, 3.0).unwrap();
    let x = Tensor::zeros([2, 1, 4, 4], DOUBLE);
    let (without, with) = (oracle.denoise(&x, 0.25).unwrap(), guided.denoise(&x, 0.25).unwrap());
    // The gradient of 4 squares with respect to one of 16 pixels: 2 (-0.75) / 4.
    assert!(furthest(&with.eps, &(without.eps + 3.0 * 0.25 * -0.375)) < 1e-12);
    assert!(furthest(&(0.75 * with.x0 + 0.25 * with.eps), &x) < 1e-12, "both still make up x_t");
    let noise = NoiseConfig::from(Mixture::default()).of(Box::new(Flow)).unwrap();
    assert!(EnergyGuided::new(&oracle, &*noise, &energy, 1.0).is_err());
}
