//! Properties of the schedules, the constants and the forward process that hold for every `T`, `t` and seed.

mod common;

use common::{ClosedForm, libtorch};
use ddpm_tutor::prelude::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// The same cases on every run: bounds of chance alone must not fail once in a thousand runs.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(20), ..Default::default() }
}

fn any_betas() -> impl Strategy<Value = Vec<f64>> {
    let linear = (21_usize..300).prop_map(|steps| LinearSchedule.betas(steps).unwrap());
    let cosine = (2_usize..300).prop_map(|steps| CosineSchedule.betas(steps).unwrap());
    prop_oneof![linear, cosine, proptest::collection::vec(1e-4..0.3, 1..60)]
}

/// `alpha_bar_0 … alpha_bar_T`, multiplied out here.
fn alpha_bars(betas: &[f64]) -> Vec<f64> {
    let mut all = vec![1.0];
    for beta in betas {
        all.push(all[all.len() - 1] * (1.0 - beta));
    }
    all
}

fn all_timesteps(betas: &[f64]) -> Tensor {
    Tensor::arange_start(1, betas.len() as i64 + 1, (Kind::Int64, Device::Cpu))
}

fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).contiguous().view([-1])).unwrap()
}

fn assert_close(found: f64, expected: f64, relative: f64, what: &str) {
    assert!((found - expected).abs() <= relative * expected.abs() + 1e-30, "{what}: {found}, expected {expected}");
}

/// Mean and standard deviation within five standard errors of those of a normal distribution.
fn assert_normal(found: &Tensor, mean: f64, std: f64, what: &str) {
    let values = values(found);
    let n = values.len() as f64;
    let m = values.iter().sum::<f64>() / n;
    let s = (values.iter().map(|x| (x - m).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let fourth = values.iter().map(|x| ((x - m) / s).powi(4)).sum::<f64>() / n;
    assert!((m - mean).abs() < 5.0 * std / n.sqrt() + 1e-6, "{what}: mean {m}, expected {mean}");
    assert!((s / std - 1.0).abs() < 5.0 / (2.0 * n).sqrt(), "{what}: std {s}, expected {std}");
    assert!((fourth - 3.0).abs() < 5.0 * (24.0 / n).sqrt(), "{what}: kurtosis {fourth}, expected 3");
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn schedules_rise_within_0_and_1_and_the_linear_one_refuses_too_few_steps(steps in 1_usize..3000) {
        for schedule in [NoiseSchedule::from(LinearSchedule), CosineSchedule.into()] {
            match schedule.build().betas(steps) {
                Ok(betas) => {
                    assert_eq!(betas.len(), steps);
                    assert!(betas.iter().all(|beta| *beta > 0.0 && *beta <= 0.999));
                    assert!(betas.windows(2).all(|pair| pair[0] <= pair[1]));
                    // Where the linear schedule has just become possible, its last beta is close to 1.
                    assert!(schedule == CosineSchedule.into() || (20.0 / steps as f64 - betas[steps - 1]).abs() < 1e-12);
                    // Both end in noise.
                    assert!(alpha_bars(&betas)[steps] < 0.01);
                }
                Err(error) => {
                    assert!(schedule == LinearSchedule.into() && steps <= 20, "{schedule:?} {steps}: {error}");
                }
            }
        }
    }

    #[test]
    fn constants_follow_from_beta(betas in any_betas()) {
        let constants = ConstantsManager::from_betas(&betas, 1, Device::Cpu).unwrap();
        let t = all_timesteps(&betas);
        let alpha_bar = alpha_bars(&betas);
        let at = |constant: ddpm_tutor::Result<Tensor>| {
            let constant = constant.unwrap();
            assert_eq!((constant.size(), constant.kind()), (vec![betas.len() as i64, 1], Kind::Float));
            values(&constant)
        };
        let all = [
            at(constants.beta_at(&t)), at(constants.alpha_at(&t)), at(constants.alpha_cumulative_at(&t)),
            at(constants.sqrt_alpha_cumulative_at(&t)), at(constants.sqrt_one_minus_alpha_cumulative_at(&t)),
            at(constants.sqrt_recip_alpha_at(&t)), at(constants.sqrt_recip_alpha_cumulative_at(&t)),
            at(constants.sqrt_recip_alpha_cumulative_minus_one_at(&t)),
        ];
        let (of_x0, of_x_t) = (at(constants.posterior_mean_x0_at(&t)), at(constants.posterior_mean_x_t_at(&t)));
        let variance = at(constants.posterior_variance_at(&t));
        for (i, beta) in betas.iter().enumerate() {
            let (bar, prev) = (alpha_bar[i + 1], alpha_bar[i]);
            let expected = [*beta, 1.0 - beta, bar, bar.sqrt(), (1.0 - bar).sqrt(), (1.0 - beta).sqrt().recip(),
                bar.sqrt().recip(), (1.0 / bar - 1.0).sqrt()];
            for (k, expected) in expected.into_iter().enumerate() {
                assert_close(all[k][i], expected, 1e-6, &format!("constant {k} at t = {}", i + 1));
            }
            assert!(bar < prev && (constants.alpha_cumulative(i + 1) - bar).abs() < 1e-12);
            assert!(variance[i] >= 0.0 && variance[i] <= all[0][i], "posterior variance at t = {}", i + 1);
            // q(x_{t-1} | x_t, x_0) averaged over x_t is q(x_{t-1} | x_0): its mean and its variance.
            let mean = of_x0[i] + of_x_t[i] * bar.sqrt();
            assert_close(mean, prev.sqrt(), 1e-5, "posterior mean");
            let spread = of_x_t[i].powi(2) * (1.0 - bar) + variance[i];
            assert!((spread - (1.0 - prev)).abs() < 1e-6, "posterior spread {spread} at t = {}", i + 1);
        }
        assert_eq!(variance[0], 0.0);
        // Where there is nothing but noise to add, the last step adds none.
        let (still, x) = (ClosedForm::new(&[1], |x, _| x.zeros_like()), Tensor::zeros([3, 1], (Kind::Float, Device::Cpu)));
        for variance in [ReverseVariance::Beta, ReverseVariance::Posterior] {
            let last = reverse_step(&still.denoiser(&constants), &constants, variance, &x, 1.0, 0.0).unwrap().x;
            assert_eq!(last, x, "{variance:?}");
        }
        assert_close(constants.signal_to_noise(betas.len()), alpha_bar[betas.len()] / (1.0 - alpha_bar[betas.len()]), 1e-9, "SNR");
    }

    #[test]
    fn timesteps_outside_the_process_are_refused(betas in any_betas(), n in 1_usize..6, place in 0_usize..6, far in 1_i64..1000) {
        let constants = ConstantsManager::from_betas(&betas, 1, Device::Cpu).unwrap();
        let last = betas.len() as i64;
        for outside in [0, last + 1, -1, -far, last + far, i64::MIN + 1, i64::MAX] {
            let mut t = vec![1; n];
            t[place % n] = outside;
            let error = constants.beta_at(&Tensor::from_slice(&t)).unwrap_err();
            assert!(matches!(error, Error::Timestep { .. }), "{error}");
            let message = error.to_string();
            assert!(message.contains(&format!("1..={last}")) && message.contains(&outside.to_string()), "{message}");
        }
        let drawn = values(&timesteps::Uniform.draw(&constants, 64).unwrap());
        assert!(drawn.iter().all(|t| (1.0..=last as f64).contains(t)));
    }

    #[test]
    fn the_forward_process_has_the_moments_of_the_closed_form(
        betas in any_betas(), at in 0.0..1.0, x in -2.0_f64..2.0, seed in 0_i64..1_000_000,
    ) {
        let _generator = libtorch();
        let constants = ConstantsManager::from_betas(&betas, 1, Device::Cpu).unwrap();
        let t = 1 + (at * betas.len() as f64) as usize;
        let alpha_bar = alpha_bars(&betas)[t];
        tch::manual_seed(seed);
        let x0 = Tensor::full([10_000, 2], x, (Kind::Float, Device::Cpu));
        let timesteps = Tensor::full([10_000], t as i64, (Kind::Int64, Device::Cpu));
        let (x_t, eps) = forward_diffusion(&constants, &x0, &timesteps).unwrap();
        assert_normal(&eps, 0.0, 1.0, "eps");
        assert_normal(&x_t, alpha_bar.sqrt() * x, (1.0 - alpha_bar).sqrt(), &format!("x_t at t = {t}"));
        let from_eps = &x0 * alpha_bar.sqrt() + &eps * (1.0 - alpha_bar).sqrt();
        assert!((from_eps - &x_t).abs().max().double_value(&[]) < 1e-5);
    }
}

#[test]
fn ten_thousand_single_steps_agree_with_the_closed_form() {
    let _generator = libtorch();
    for schedule in [NoiseSchedule::from(LinearSchedule), CosineSchedule.into()] {
        let betas = schedule.build().betas(40).unwrap();
        let constants = ConstantsManager::from_betas(&betas, 1, Device::Cpu).unwrap();
        tch::manual_seed(11);
        let mut x = Tensor::full([10_000, 1], 1.3, (Kind::Float, Device::Cpu));
        for t in 1..=40 {
            let timesteps = Tensor::full([10_000], t, (Kind::Int64, Device::Cpu));
            x = forward_step(&constants, &x, &timesteps).unwrap();
            let alpha_bar = alpha_bars(&betas)[t as usize];
            assert_normal(&x, 1.3 * alpha_bar.sqrt(), (1.0 - alpha_bar).sqrt(), &format!("{schedule:?}, step {t}"));
        }
    }
}

#[test]
fn every_row_of_a_batch_has_the_noise_of_its_own_timestep() {
    let _generator = libtorch();
    let betas = CosineSchedule.betas(40).unwrap();
    for shape in [&[2_i64][..], &[3, 4, 4]] {
        let constants = ConstantsManager::from_betas(&betas, shape.len(), Device::Cpu).unwrap();
        let batch: Vec<i64> = [&[40], shape].concat();
        let (x_t, eps) = forward_diffusion(
            &constants,
            &Tensor::ones(&batch[..], (Kind::Float, Device::Cpu)),
            &all_timesteps(&betas),
        )
        .unwrap();
        assert_eq!((x_t.size(), eps.size()), (batch.clone(), batch));
        for (row, alpha_bar) in alpha_bars(&betas)[1..].iter().enumerate() {
            let expected = alpha_bar.sqrt() + eps.get(row as i64) * (1.0 - alpha_bar).sqrt();
            assert!((expected - x_t.get(row as i64)).abs().max().double_value(&[]) < 1e-5, "t = {}", row + 1);
        }
    }
}
