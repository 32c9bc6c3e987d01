//! What a training step leaves behind: AdamW, the moving average and the loss history, against their equations in f64.

mod common;

use std::path::Path;

use common::{ClosedForm, base, libtorch, quick_training, setting, small_network, weights};
use ddpm_tutor::prelude::*;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

/// AdamW and EMA in f64, as their equations are written.
#[test]
fn clipped_steps_and_their_average_follow_the_equations() {
    let _generator = libtorch();
    let gradients: [[f64; 2]; 5] = [[3.0, 4.0], [0.03, -0.04], [-30.0, 40.0], [0.0, 0.0], [0.6, 0.8]];
    for clipping in [Some(1.0), None] {
        let start = [0.5_f64, -0.25];
        let vs = nn::VarStore::new(Device::Cpu);
        let weight = vs.root().var_copy("weight", &Tensor::from_slice(&start.map(|x| x as f32)));
        let model = ClosedForm::over(vs);
        let training = TrainingConfig {
            learning_rate: 0.01,
            learning_rate_schedule: LearningRateSchedule::Constant,
            weight_decay: 0.1,
            ema_decay: 0.999,
            gradient_clipping: clipping,
            ..quick_training()
        };
        let mut state = TrainingState::new(&model, &base(Path::new("unused"), 1), &training).unwrap();
        let (mut theta, mut average, mut m, mut v) = (start, start, [0.0; 2], [0.0; 2]);
        for (k, gradient) in (1..).zip(gradients) {
            let slope = Tensor::from_slice(&gradient.map(|g| g as f32));
            state.begin_step(5);
            let norm = state.descend("", &(&weight * slope).sum(Kind::Float)).unwrap().grad_norm.unwrap();
            let length = gradient[0].hypot(gradient[1]);
            assert!((norm - length).abs() < 1e-4 * length.max(1e-3), "the norm from before it is clipped");
            let scale = clipping.map_or(1.0, |most| if length > most { most / length } else { 1.0 });
            let decay = 0.999_f64.min((1.0 + f64::from(k)) / (10.0 + f64::from(k)));
            for i in 0..2 {
                let g = gradient[i] * scale;
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                let (m_hat, v_hat) = (m[i] / (1.0 - 0.9_f64.powi(k)), v[i] / (1.0 - 0.999_f64.powi(k)));
                theta[i] -= 0.01 * (m_hat / (v_hat.sqrt() + 1e-8) + 0.1 * theta[i]);
                average[i] = decay * average[i] + (1.0 - decay) * theta[i];
            }
            let close = |expected: [f64; 2]| {
                let found = weight.detach();
                (0..2).all(|i| (found.double_value(&[i]) - expected[i as usize]).abs() < 1e-6)
            };
            assert!(close(theta), "{clipping:?}, step {k}: {weight:?}, not {theta:?}");
            assert!(state.with_averaged_weights(|| Ok(close(average))).unwrap(), "{clipping:?}, average at step {k}");
            assert!(close(theta), "its own weights are back");
        }
    }
}

#[test]
fn without_decay_the_average_is_the_weights() {
    let _generator = libtorch();
    for (ema_decay, same) in [(0.0, true), (0.999, false)] {
        let model = get_model(&base(Path::new("unused"), 1), small_network(), &quick_training()).unwrap();
        let training = TrainingConfig { ema_decay, ..quick_training() };
        let (loader, constants, mut state) = setting(&model, Tensor::randn([100, 2], FLOAT), &training);
        train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).unwrap();
        let (average, own) = (state.with_averaged_weights(|| Ok(weights(&model))).unwrap(), weights(&model));
        assert_eq!(average == own, same, "decay {ema_decay}");
    }
}

#[test]
fn the_loss_history_tells_the_quarters_of_the_timesteps_apart() {
    let _generator = libtorch();
    // Off by 3 in the first quarter, by 1 in the last: the squared error has 9 and 1 more there.
    let model = ClosedForm::with_weight(&[2], &[0.0], |x, t, w| {
        let off = t.le(2).to_kind(Kind::Float) * 3.0 + t.ge(7).to_kind(Kind::Float);
        off.unsqueeze(1) + x.zeros_like() + w * 0.0
    });
    let training = TrainingConfig { timesteps: 8, batch_size: 3000, ..quick_training() };
    let (loader, constants, mut state) = setting(&model, Tensor::zeros([8000, 2], FLOAT), &training);
    let mut means = Vec::new();
    let mut sum = 0.0;
    let loss = train_one_epoch(&model, &loader, &constants, &mut state, &mut |report| {
        let batch = if report.step < 3 { 3000.0 } else { 2000.0 };
        sum += report.loss * batch;
        means.push(report.loss);
    })
    .unwrap();
    for (found, expected) in loss.quarters.into_iter().zip([10.0, 1.0, 1.0, 2.0]) {
        assert!((found - expected).abs() < 0.3, "{:?}", loss.quarters);
    }
    assert_eq!(means.len(), 3);
    assert!((loss.mean - sum / 8000.0).abs() < 1e-4, "the mean over samples, {}, not over batches", sum / 8000.0);
    assert_eq!(state.history(), [loss]);

    let training = TrainingConfig { timesteps: 2, ..quick_training() };
    let (loader, constants, mut state) = setting(&model, Tensor::zeros([100, 2], FLOAT), &training);
    let loss = train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).unwrap();
    assert!(loss.mean.is_finite());
    assert_eq!(loss.quarters.map(f64::is_nan), [true, false, true, false], "two timesteps leave two quarters empty");
}

#[test]
fn the_learning_rate_warms_up_from_the_first_step() {
    let _generator = libtorch();
    let data = Tensor::randn([250, 2], FLOAT);
    let cosine = |step: f64| (1.0 + (std::f64::consts::PI * step / 10.0).cos()) / 2.0;
    for (learning_rate_schedule, share) in
        [(LearningRateSchedule::Constant, (|_| 1.0) as fn(f64) -> f64), (LearningRateSchedule::Cosine, cosine)]
    {
        // Two epochs of five steps, of which the first four warm up.
        let training =
            TrainingConfig { epochs: 2, batch_size: 50, warmup_steps: 4, learning_rate_schedule, ..quick_training() };
        let model = get_model(&base(Path::new("unused"), 1), small_network(), &quick_training()).unwrap();
        let (loader, constants, mut state) = setting(&model, data.shallow_clone(), &training);
        let mut rates = Vec::new();
        for _ in 0..2 {
            train_one_epoch(&model, &loader, &constants, &mut state, &mut |report| rates.push(report.learning_rate))
                .unwrap();
        }
        for (step, rate) in rates.iter().enumerate() {
            let warmup = [0.25, 0.5, 0.75, 1.0].get(step).copied().unwrap_or(1.0);
            let expected = training.learning_rate * warmup * share(step as f64);
            assert!((rate - expected).abs() < 1e-12, "step {}: {rate}, expected {expected}", step + 1);
        }
        assert_eq!(rates.len(), 10);
    }
}
