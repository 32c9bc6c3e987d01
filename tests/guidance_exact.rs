//! Guidance where the right answer is known: on Gaussians and mixtures, in closed form.

mod common;

use common::libtorch;
use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn furthest(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

/// The processes that formulas for any `a` and `s` are tested on, with some of their times.
fn processes() -> Vec<(Box<dyn Process>, [f64; 3])> {
    let discrete = ConstantsManager::from_betas(&CosineSchedule.betas(40).unwrap(), 1, Device::Cpu).unwrap();
    vec![
        (Box::new(discrete), [1.0, 17.0, 39.0]),
        (Box::new(Vp::default()), [0.01, 0.3, 0.9]),
        (Box::new(EdmNoise::default()), [0.05, 1.0, 20.0]),
        (Box::new(Flow), [0.02, 0.5, 0.97]),
    ]
}

/// Mean and variance of the samples of the ODE, which is affine in `x_T` for Gaussian data.
fn moments(denoiser: &dyn Denoiser, process: &dyn Process) -> [f64; 2] {
    let settings = Rk45 { rtol: 1e-9, atol: 1e-9, ..Rk45::default() };
    let noise = Tensor::from_slice(&[0.0, process.noise_at_end()]).view([2, 1]);
    let quiet = &mut InferenceLogger::new(InferType::None);
    let x = run_chain(&mut *settings.sampler(), denoiser, process, noise, quiet).unwrap();
    let [of_zero, of_one] = [0, 1].map(|i| x.double_value(&[i, 0]));
    [of_zero, (of_one - of_zero).powi(2)]
}

/// The exact denoiser of a Gaussian in one dimension.
fn gaussian<'a>(process: &'a dyn Process, mean: f64, variance: f64) -> GaussianOracle<'a> {
    GaussianOracle::isotropic(process, &Tensor::from_slice(&[mean]), variance)
}

/// The exact denoiser of a Gaussian with a variance for each of two coordinates.
fn gaussian_2d<'a>(process: &'a dyn Process, mean: [f64; 2], variance: [f64; 2]) -> GaussianOracle<'a> {
    // Four points with these moments, where the divisor of the variance is 3.
    let [a, b] = variance.map(|v| (0.75 * v).sqrt());
    let signs = Tensor::from_slice(&[a, b, a, -b, -a, b, -a, -b]).view([4, 2]);
    GaussianOracle::fitted(process, &(signs + Tensor::from_slice(&mean)), 2).unwrap()
}

fn mixture(process: &dyn Process) -> MixtureOracle<'_> {
    let means = Tensor::from_slice(&[-0.6, 0.1, 0.6, -0.3, 0.2, 0.9]).view([3, 2]);
    MixtureOracle::of_gaussians(process, &means, &[0.2, 0.1, 0.3], &[1.0, 3.0, 2.0]).unwrap()
}

#[test]
fn the_exact_classifier_makes_the_denoiser_of_the_class() {
    let _guard = libtorch();
    for (process, times) in processes() {
        let all = mixture(&*process);
        for (t, class) in times.into_iter().zip(0..) {
            let x = Tensor::randn([9, 2], DOUBLE);
            let of_class = |x: &Tensor, t: f64| Ok(all.log_posterior(x, t)?.select(1, class));
            let guided = ClassifierGuided::new(&all, &*process, &of_class, 1.0).unwrap();
            // As in a chain, which switches gradients off.
            let (found, expected) = tch::no_grad(|| {
                (guided.denoise(&x, t).unwrap(), all.component(class).unwrap().denoise(&x, t).unwrap())
            });
            assert!(!found.eps.requires_grad() && !found.x0.requires_grad());
            assert!(furthest(&found.eps, &expected.eps) < 1e-10, "t = {t}");
            assert!(furthest(&found.x0, &expected.x0) < 1e-10, "t = {t}");
            // With scale 2 it is neither the class nor the mixture.
            let twice = ClassifierGuided::new(&all, &*process, &of_class, 2.0).unwrap().denoise(&x, t).unwrap();
            assert!(furthest(&twice.eps, &expected.eps) > 1e-3, "t = {t}");
        }
    }
}

#[test]
fn guidance_keeps_gradients_with_respect_to_the_samples() {
    let _guard = libtorch();
    let process = Vp::default();
    let all = mixture(&process);
    let of_class = |x: &Tensor, t: f64| Ok(all.log_posterior(x, t)?.select(1, 1));
    let guided = ClassifierGuided::new(&all, &process, &of_class, 1.0).unwrap();
    let class = all.component(1).unwrap();
    let slope = |denoiser: &dyn Denoiser| {
        let x = Tensor::from_slice(&[0.3, -0.8, 1.1, 0.4]).view([2, 2]).set_requires_grad(true);
        let eps = denoiser.denoise(&x, 0.4).unwrap().eps;
        Tensor::run_backward(&[eps.select(1, 0).sum(Kind::Double)], &[&x], false, false).remove(0)
    };
    assert!(furthest(&slope(&guided), &slope(&class)) < 1e-10);
}

#[test]
fn a_regressor_guides_to_the_posterior_of_a_measurement() {
    let _guard = libtorch();
    let (mean, variance, measured, noise): (f64, f64, f64, f64) = (0.4, 0.5, 1.1, 0.3);
    for (process, times) in processes() {
        let all = gaussian(&*process, mean, variance);
        // y = x_0 + N(0, noise): given x_t, it is Gaussian around E[x_0 | x_t], with the variance of x_0 given x_t added.
        let log_likelihood = |x: &Tensor, t: f64| {
            let (a, s) = (process.signal(t), process.noise(t));
            let left = variance * s * s / (a * a * variance + s * s) + noise;
            Ok(-(all.denoise(x, t)?.x0 - measured).square().squeeze_dim(1) / (2.0 * left))
        };
        let guided = ClassifierGuided::new(&all, &*process, &log_likelihood, 1.0).unwrap();
        let share = variance / (variance + noise);
        let posterior = gaussian(&*process, mean + share * (measured - mean), variance * (1.0 - share));
        for t in times {
            let x = Tensor::randn([9, 1], DOUBLE);
            let (found, expected) = (guided.denoise(&x, t).unwrap(), posterior.denoise(&x, t).unwrap());
            assert!(furthest(&found.x0, &expected.x0) < 1e-10 && furthest(&found.eps, &expected.eps) < 1e-10);
        }
    }
}

/// `N(1, 0.25)` with the condition, `N(0, 1.25)` without.
#[test]
fn what_classifier_free_guidance_samples_is_not_the_tilted_density() {
    let _guard = libtorch();
    // So much noise that the data is hidden to four digits.
    let (edm, vp) = (EdmNoise { sigma_max: 8_000.0, ..Default::default() }, Vp::default());
    let (s2, all, end) = (0.25_f64, 1.25_f64, 8_000.0_f64.powi(2));
    let of = |process: &dyn Process, w: f64| {
        let (with, without) = (gaussian(process, 1.0, s2), gaussian(process, 0.0, all));
        moments(&ClassifierFree::new(&with, &without, w).unwrap(), process)
    };
    for w in [0.0, 0.5, 1.0, 3.0] {
        let [_, variance] = of(&edm, w);
        // The ODE divides the variance v of each Gaussian by v + 8000^2, and multiplies the powers.
        let of_power = |v: f64, power: f64| (v / (v + end)).powf(power);
        let expected = end * of_power(s2, 1.0 + w) * of_power(all, -w);
        assert!((variance / expected - 1.0).abs() < 1e-4, "w = {w}: {variance}, expected {expected}");
        assert!((variance / (s2 * (s2 / all).powf(w)) - 1.0).abs() < 1e-3, "w = {w}: {variance}");
    }
    let ([limit, variance], [mean, of_vp]) = (of(&edm, 1.0), of(&vp, 1.0));
    assert!((limit - 1.3228).abs() < 5e-4 && (mean - 1.320).abs() < 5e-4, "{limit} {mean}");
    assert!((variance - 0.05).abs() < 1e-4 && (of_vp - 0.05).abs() < 1e-3, "{variance} {of_vp}");
    // The tilted density p(x | c)^2 / p(x) is N(1.111, 0.139).
    let precision = 2.0 / s2 - 1.0 / all;
    let tilted = [2.0 / s2 / precision, 1.0 / precision];
    assert!((tilted[0] - 1.111).abs() < 1e-3 && (tilted[1] - 0.139).abs() < 1e-3);
    assert!((limit - tilted[0]).abs() > 0.2 && (variance - tilted[1]).abs() > 0.08);
}

#[test]
fn a_negative_prompt_is_what_guidance_moves_away_from() {
    let _guard = libtorch();
    let process = EdmNoise::default();
    let (wanted, unwanted) = (gaussian(&process, 1.0, 0.25), gaussian(&process, 1.5, 0.5));
    let [mean, variance] = moments(&ClassifierFree::new(&wanted, &unwanted, 1.0).unwrap(), &process);
    assert!((variance / (0.25 * 0.5) - 1.0).abs() < 1e-3, "{variance}");
    assert!(mean < 0.95, "{mean}: further from 1.5 than the wanted samples");
}

#[test]
fn a_version_that_is_twice_as_wrong_corrects_a_model_that_is_too_wide() {
    let _guard = libtorch();
    let process = EdmNoise { sigma_max: 8_000.0, ..Default::default() };
    let (mean, variance, excess) = (0.7, 0.25, 1.2);
    let good = gaussian(&process, mean, variance * excess);
    let bad = gaussian(&process, mean, variance * excess * excess);
    let [found_mean, found] = moments(&autoguided(&good, &bad, 1.0).unwrap(), &process);
    assert!((found / variance - 1.0).abs() < 1e-3, "{found}");
    assert!((found_mean - mean).abs() < 1e-3, "{found_mean}");
}

#[test]
fn an_interval_guides_where_it_is_and_nowhere_else() {
    let _guard = libtorch();
    let process = EdmNoise::default();
    let (s2, all, w) = (0.25_f64, 1.25_f64, 1.0);
    let (with, without) = (gaussian(&process, 1.0, s2), gaussian(&process, 0.0, all));
    let guided = ClassifierFree::new(&with, &without, w).unwrap();
    let of = |low: f64, high: f64| {
        let interval = Interval::of_sigma(low, high).unwrap();
        moments(&Within::new(&guided, &with, &process, interval), &process)
    };
    let (low, high) = (0.3_f64, 2.0_f64);
    // On the way from one noise level to another, Gaussians multiply the variance by the ratio of v + sigma^2, and guidance by powers of it.
    let ratio = |v: f64, from: f64, to: f64| (v + to * to) / (v + from * from);
    let expected =
        80.0_f64.powi(2) * ratio(s2, 80.0, 0.0) * ratio(s2, high, low).powf(w) * ratio(all, high, low).powf(-w);
    let [mean, variance] = of(low, high);
    assert!((variance / expected - 1.0).abs() < 1e-4, "{variance}, expected {expected}");
    let [of_all, of_none] = [of(0.0, f64::INFINITY), of(1e6, 2e6)];
    assert_eq!((of_all, of_none), (moments(&guided, &process), moments(&with, &process)));
    assert!(of_none[0] < mean && mean < of_all[0] && of_all[1] < variance && variance < of_none[1]);
    // The same, by time; a time of the discrete process is a step.
    let of_times = Interval::of_times(3.0, 5.0).unwrap();
    let steps: Vec<f64> = (1..=7).map(f64::from).filter(|t| of_times.contains(&process, *t)).collect();
    assert_eq!(steps, [4.0, 5.0]);
    for [low, high] in [[0.5, 0.5], [-1.0, 2.0], [f64::NAN, 1.0]] {
        assert!(Interval::of_sigma(low, high).unwrap_err().to_string().contains("two numbers"));
    }
}

#[test]
fn conditions_on_independent_coordinates_are_met_exactly_at_all_times() {
    let _guard = libtorch();
    for (process, times) in processes() {
        let all = gaussian_2d(&*process, [0.0, 0.0], [1.25, 0.8]);
        let first = gaussian_2d(&*process, [1.0, 0.0], [0.25, 0.8]);
        let second = gaussian_2d(&*process, [0.0, -0.5], [1.25, 0.1]);
        let both = gaussian_2d(&*process, [1.0, -0.5], [0.25, 0.1]);
        let composed = Composed::of(&all).and(&first, 1.0).unwrap().and(&second, 1.0).unwrap();
        for t in times {
            let x = Tensor::randn([9, 2], DOUBLE);
            let (found, expected) = (composed.denoise(&x, t).unwrap(), both.denoise(&x, t).unwrap());
            assert!(furthest(&found.x0, &expected.x0) < 1e-10 && furthest(&found.eps, &expected.eps) < 1e-9, "{t}");
        }
    }
}

#[test]
fn conditions_on_the_same_coordinate_are_met_at_time_0_only() {
    let _guard = libtorch();
    let process = EdmNoise::default();
    let (v, of_conditions) = (1.25_f64, [0.25_f64, 0.5]);
    let all = gaussian(&process, 0.0, v);
    let [first, second] = of_conditions.map(|of| gaussian(&process, 0.0, of));
    let precision: f64 = 1.0 / v + of_conditions.map(|of| 1.0 / of - 1.0 / v).iter().sum::<f64>();
    let product = gaussian(&process, 0.0, 1.0 / precision);
    let both = Composed::of(&all).and(&first, 1.0).unwrap().and(&second, 1.0).unwrap();
    let x = Tensor::from_slice(&[0.8]).view([1, 1]);
    let eps = |denoiser: &dyn Denoiser, t: f64| denoiser.denoise(&x, t).unwrap().eps.double_value(&[0, 0]);
    let off = |t: f64| (eps(&both, t) / eps(&product, t) - 1.0).abs();
    assert!(off(1e-3) < 1e-4 && off(0.1) > 0.01 && off(1.0) > 0.1, "{} {} {}", off(1e-3), off(0.1), off(1.0));
    let [_, variance] = moments(&both, &process);
    let expected = of_conditions[0] * of_conditions[1] / v;
    assert!((variance / expected - 1.0).abs() < 1e-3, "{variance}, expected {expected}");
    assert!((variance * precision - 1.0).abs() > 0.3, "the product has {}", 1.0 / precision);
    // NOT: wider than without the condition.
    let [_, without] = moments(&Composed::of(&all).not(&first, 0.5).unwrap(), &process);
    let expected = v * (of_conditions[0] / v).powf(-0.5);
    assert!((without / expected - 1.0).abs() < 1e-3, "{without}, expected {expected}");
    // One condition with weight 1 + w is classifier-free guidance.
    let one = Composed::of(&all).and(&first, 2.5).unwrap().denoise(&x, 0.7).unwrap();
    let same = ClassifierFree::new(&first, &all, 1.5).unwrap().denoise(&x, 0.7).unwrap();
    assert!(furthest(&one.x0, &same.x0) < 1e-14 && furthest(&one.eps, &same.eps) < 1e-14);
}

#[test]
fn one_of_several_conditions_is_the_mixture_of_them() {
    let _guard = libtorch();
    for (process, times) in processes() {
        let all = mixture(&*process);
        let parts: Vec<MixtureOracle> = (0..3).map(|k| all.component(k).unwrap()).collect();
        let parts: Vec<&dyn Denoiser> = parts.iter().map(|part| part as &dyn Denoiser).collect();
        let posterior = |x: &Tensor, t: f64| all.log_posterior(x, t);
        let any = AnyOf::new(&parts, &posterior).unwrap();
        for t in times {
            let x = Tensor::randn([9, 2], DOUBLE);
            let (found, expected) = (any.denoise(&x, t).unwrap(), all.denoise(&x, t).unwrap());
            assert!(furthest(&found.x0, &expected.x0) < 1e-10 && furthest(&found.eps, &expected.eps) < 1e-10);
        }
        let too_few = AnyOf::new(&parts[..2], &posterior).unwrap();
        let message = too_few.denoise(&Tensor::randn([9, 2], DOUBLE), times[0]).unwrap_err().to_string();
        assert!(message.contains("[9, 2]") && message.contains("[9, 3]"), "{message}");
    }
}

#[test]
fn low_density_guidance_widens_a_gaussian_by_a_known_factor() {
    let _guard = libtorch();
    let process = EdmNoise::default();
    let (mean, s2) = (0.6, 0.25);
    // Two samples with this mean and variance.
    let deviation = (s2 / 2.0_f64).sqrt();
    let data = Tensor::from_slice(&[mean - deviation, mean + deviation]).view([2, 1]);
    let (oracle, hardness) = (gaussian(&process, mean, s2), Hardness::fitted(&data).unwrap());
    let rare = |x0: &Tensor| hardness.of(x0);
    for alpha in [-0.5, 0.0, 0.3, 0.8] {
        let guided = PredictedGuided::new(&oracle, &process, &rare, alpha).unwrap();
        let [found_mean, variance] = moments(&guided, &process);
        let expected: f64 = s2 * f64::exp(alpha);
        assert!((variance / expected - 1.0).abs() < 1e-3, "alpha = {alpha}: {variance}, expected {expected}");
        assert!((found_mean - mean).abs() < 1e-2, "alpha = {alpha}: {found_mean}");
    }
}

#[test]
fn outside_of_a_mask_an_image_stays_as_it_is_to_the_last_bit() {
    let _guard = libtorch();
    let process = Vp::default();
    let oracle = GaussianOracle::isotropic(&process, &Tensor::zeros([1, 4, 4], DOUBLE), 0.25);
    let bright = GaussianOracle::isotropic(&process, &Tensor::ones([1, 4, 4], DOUBLE), 0.1);
    let guided = ClassifierFree::new(&bright, &oracle, 1.0).unwrap();
    let image = Tensor::rand([1, 1, 4, 4], DOUBLE);
    let inside = Tensor::zeros([4, 4], DOUBLE);
    let _ = inside.narrow(0, 1, 2).narrow(1, 1, 3).fill_(1.0);
    let quiet = || InferenceLogger::new(InferType::None);
    let draw = |sampler: &mut dyn Sampler| {
        tch::manual_seed(7);
        let noise = Tensor::randn([5, 1, 4, 4], DOUBLE);
        run_chain(sampler, &guided, &process, noise, &mut quiet()).unwrap()
    };
    let inner = || SamplerConfig::from(EulerMaruyama { steps: Some(20), ..Default::default() }).sampler();
    let deterministic = || SamplerConfig::from(Heun { steps: Some(10), ..Default::default() }).sampler();
    for make in [&inner as &dyn Fn() -> Box<dyn Sampler>, &deterministic] {
        let found = draw(&mut Blended::new(make(), &image, &inside).unwrap());
        let outside = inside.eq(0.0).expand_as(&found);
        assert_eq!(found.masked_select(&outside), image.expand_as(&found).masked_select(&outside));
        // Everywhere inside: the sampler itself, with the same noise.
        let all = draw(&mut Blended::new(make(), &image, &inside.ones_like()).unwrap());
        assert_eq!(all, draw(&mut *make()));
        let none = draw(&mut Blended::new(make(), &image, &inside.zeros_like()).unwrap());
        assert_eq!(none, image.expand_as(&none));
    }
    // The pixels of this Gaussian are independent: what is inside does not depend on what is outside.
    let found = draw(&mut Blended::new(deterministic(), &image, &inside.gt(0.5)).unwrap());
    let free = draw(&mut *deterministic());
    let of = |x: &Tensor| x.masked_select(&inside.gt(0.5).expand_as(x));
    assert_eq!(of(&found), of(&free));
    let message = |mask: &Tensor| Blended::new(deterministic(), &image, mask).unwrap_err().to_string();
    assert!(message(&(&inside * 0.5)).contains("1 inside and 0 outside"));
    assert!(message(&Tensor::ones([3, 3], DOUBLE)).contains("broadcastable to [1, 1, 4, 4]"));
    // It goes back alone: with fresh noise outside, there is no way to encode.
    let forth = |mask: &Tensor| {
        let x = Tensor::randn([2, 1, 4, 4], DOUBLE);
        encode(&mut Blended::new(deterministic(), &image, mask).unwrap(), &oracle, &process, x, &mut quiet())
    };
    let refused = forth(&inside).unwrap_err().to_string();
    assert!(refused.contains("back to a time from 0 to below t"), "{refused}");
    let _code = forth(&inside.ones_like()).unwrap();
    // Nor is there fresh noise that is another data set.
    let flowers = PaintedFlowers { size: [8, 8], count: 2, ..Default::default() };
    let bridge = NoiseConfig::from(DataNoise::of(flowers)).of(Box::new(Flow)).unwrap();
    let mut blended = Blended::new(deterministic(), &image, &inside).unwrap();
    let refused = blended.times(&*bridge).unwrap_err().to_string();
    assert!(refused.contains("the noise data of this process cannot be drawn afresh"), "{refused}");
    Blended::new(deterministic(), &image, &inside.ones_like()).unwrap().times(&*bridge).unwrap();
}

#[test]
fn a_counterfactual_of_gaussians_is_the_optimal_transport() {
    let _guard = libtorch();
    let process = EdmNoise::default();
    let ([m, v], [other_m, other_v]) = ([0.3_f64, 0.25_f64], [-0.8_f64, 0.5_f64]);
    let (of, with) = (gaussian(&process, m, v), gaussian(&process, other_m, other_v));
    let x = Tensor::from_slice(&[-0.4, 0.3, 1.2]).view([3, 1]);
    let mut quiet = InferenceLogger::new(InferType::None);
    let mut solved = |steps: usize, order: i32, with: &dyn Denoiser| {
        let layout = StepLayoutConfig::from(LogSnr);
        let config: SamplerConfig = match order {
            1 => Ddim { steps: Some(steps), layout, eta: 0.0 }.into(),
            _ => Heun { steps: Some(steps), layout }.into(),
        };
        counterfactual(&mut *config.sampler(), &of, with, &process, x.shallow_clone(), &mut quiet).unwrap().sample
    };
    // Both codes are those of 80^2 + v; that of the mean is the mean.
    let ratio = (other_v * (v + 6400.0) / (v * (other_v + 6400.0))).sqrt();
    let expected = other_m + ratio * (&x - m) + ratio * (m - other_m) * (v / (v + 6400.0)).sqrt();
    let found = solved(200, 2, &with);
    assert!(furthest(&found, &expected) < 2e-3, "{found:?} {expected:?}");
    // With the same denoiser the samples come back, with an error that falls as the order of the sampler says.
    for (order, least) in [(1, 1.7), (2, 3.2)] {
        let mut error = |steps: usize| furthest(&solved(steps, order, &of), &x);
        let (few, more) = (error(40), error(80));
        assert!(few < 0.2 && few / more > least, "order {order}: {few}, {more}");
    }
    let mut noisy = SamplerConfig::from(Ancestral::default()).sampler();
    let discrete = ConstantsManager::from_betas(&[0.1, 0.2], 1, Device::Cpu).unwrap();
    let gaussian = gaussian(&discrete, 0.0, 1.0);
    assert!(counterfactual(&mut *noisy, &gaussian, &gaussian, &discrete, x, &mut quiet).is_err());
}
