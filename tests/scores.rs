//! Score matching: three objectives that learn the same score, and their gradients in closed form.

mod common;

use std::path::Path;

use common::{ClosedForm, base, libtorch, quick_training};
use ddpm_tutor::prelude::*;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);
const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn largest(x: &Tensor) -> f64 {
    x.abs().max().double_value(&[])
}

/// The network `eps = A x + b` on samples of two numbers, with `A` and `b` as weights.
fn linear(weights: &[f32; 6]) -> Model {
    ClosedForm::with_weight(&[2], weights, |x, _, weight| {
        x.matmul(&weight.narrow(0, 0, 4).view([2, 2]).tr()) + weight.narrow(0, 4, 2)
    })
}

/// Finite data with the noise of a level: the score by hand, by automatic differentiation, and by the oracle.
#[test]
fn the_score_of_a_data_set_is_a_softmax_mean() {
    let _guard = libtorch();
    tch::manual_seed(2);
    let levels = NoiseScales::default();
    let points = Tensor::randn([6, 2], DOUBLE);
    let oracle = MixtureOracle::of_points(&levels, &points).unwrap();
    let x = Tensor::randn([40, 2], DOUBLE).set_requires_grad(true);
    for t in [1.0, 4.0, 8.5, 10.0] {
        let variance = levels.noise(t).powi(2);
        let to_points = &points - x.unsqueeze(1);
        let log_densities =
            to_points.square().sum_dim_intlist([-1].as_slice(), false, Kind::Double) / (-2.0 * variance);
        let weights = log_densities.softmax(-1, Kind::Double).unsqueeze(-1);
        let mean = (weights * &to_points / variance).sum_dim_intlist([1].as_slice(), false, Kind::Double);
        let log_density = log_densities.logsumexp([-1].as_slice(), false).sum(Kind::Double);
        let gradient = Tensor::run_backward(&[log_density], &[&x], false, false).remove(0);
        let of_oracle: Tensor = -oracle.denoise(&x.detach(), t).unwrap().eps / levels.noise(t);
        let scale = largest(&gradient);
        assert!(largest(&(&mean - &gradient)) < 1e-9 * scale, "t = {t}");
        assert!(largest(&(of_oracle - &gradient)) < 1e-9 * scale, "t = {t}");
    }
}

#[test]
fn denoising_score_matching_is_the_error_of_the_noise() {
    let _guard = libtorch();
    let (model, levels) = (linear(&[0.6, -0.2, 0.1, 0.9, 0.3, -0.4]), NoiseScales::default());
    let batch = Batch::of(Tensor::randn([50, 2], FLOAT));
    let loss = |objective: &dyn Objective, model: &Model| {
        tch::manual_seed(3);
        objective.loss(model, &levels, &batch).unwrap().by_sample
    };
    let found = loss(&DenoisingScore::default(), &model);
    assert_eq!(found, loss(&Simple::default(), &model), "DDPM and NCSN minimize the same");

    // lambda(t) || score + eps / s ||^2, with a network that predicts the score itself.
    let of_score = linear(&[-0.3, 0.1, 0.2, -0.8, 0.1, 0.2]).with_parameterization(Box::new(Score));
    tch::manual_seed(3);
    let t = TimestepSamplingConfig::default().build().draw(&levels, 50).unwrap();
    let eps = batch.x0.randn_like();
    let times: Vec<f64> = Vec::try_from(t.to_kind(Kind::Double)).unwrap();
    let s: Vec<f64> = times.iter().map(|t| levels.noise(*t)).collect();
    let s = Tensor::from_slice(&s).to_kind(Kind::Float).unsqueeze(1);
    let score = of_score.forward(&(&batch.x0 + &s * &eps), &t, &Given::default());
    let expected = (s.square() * (score + eps / &s).square()).mean_dim(1, false, Kind::Float);
    assert!(largest(&(loss(&DenoisingScore::default(), &of_score) - expected)) < 1e-5);
}

#[test]
fn implicit_score_matching_of_a_linear_network_is_that_by_hand() {
    let _guard = libtorch();
    let weights = [0.6, -0.2, 0.1, 0.9, 0.3, -0.4];
    let (model, vp) = (linear(&weights), Vp::default());
    let batch = Batch::of(Tensor::randn([50, 2], FLOAT));
    let loss = |objective: &dyn Objective| {
        tch::manual_seed(3);
        objective.loss(&model, &vp, &batch).unwrap().by_sample
    };
    tch::manual_seed(3);
    let t = TimestepSamplingConfig::default().build().draw(&vp, 50).unwrap();
    let (x_t, _) = forward_diffusion(&vp, &batch.x0, &t).unwrap();
    let times: Vec<f64> = Vec::try_from(&t).unwrap();
    let s: Vec<f64> = times.iter().map(|t| vp.noise(*t)).collect();
    let s = Tensor::from_slice(&s).to_kind(Kind::Float);
    let eps = model.forward(&x_t, &t, &Given::default());
    let half = eps.square().sum_dim_intlist([1].as_slice(), false, Kind::Float) / 2.0;
    // The trace of A is 0.6 + 0.9.
    let expected = (half - 1.5 * &s) / 2.0;
    assert!(largest(&(loss(&ImplicitScore::default()) - &expected)) < 1e-6);

    // With v = ( v_1, v_2 ) of -1 and 1, v^T A v = tr A + ( A_12 + A_21 ) v_1 v_2.
    let off = (loss(&SlicedScore::default()) - &expected) * 2.0 / &s;
    assert!(largest(&(off.abs() - 0.1)) < 1e-4, "{off}");
    assert!(off.max().double_value(&[]) > 0.0 && off.min().double_value(&[]) < 0.0, "both signs");
}

/// On Gaussian data the expected gradient of each objective is known: for the mean over two numbers, that of denoising score matching with respect
/// to `A` is `E_t[ A V_t - s I ]`, where `V_t` is the covariance of `x_t`, and those of the other two are half of it.
#[test]
fn all_three_have_the_same_expected_gradient() {
    let _guard = libtorch();
    let constants = ConstantsManager::from_betas(&CosineSchedule.betas(20).unwrap(), 1, Device::Cpu).unwrap();
    let weights = [0.6, -0.2, 0.1, 0.9, 0.0, 0.0];
    let model = linear(&weights);
    let a = Tensor::from_slice(&weights[..4]).to_kind(Kind::Double).view([2, 2]);
    let mixing = Tensor::from_slice(&[0.8, 0.0, 0.5, 0.3]).view([2, 2]);
    let covariance = mixing.tr().matmul(&mixing);
    let expected = (1..=20).fold(Tensor::zeros([2, 2], DOUBLE), |sum, t| {
        let (signal, noise) = (constants.signal(f64::from(t)), constants.noise(f64::from(t)));
        let of_x_t: Tensor = signal.powi(2) * &covariance + noise.powi(2) * Tensor::eye(2, DOUBLE);
        sum + a.matmul(&of_x_t) - noise * Tensor::eye(2, DOUBLE)
    }) / 20.0;

    let sliced = |reduced_variance, directions| SlicedScore {
        projections: 2,
        reduced_variance,
        directions,
        ..Default::default()
    };
    let objectives: [(&str, Box<dyn Objective>, f64); 5] = [
        ("denoising", Box::new(DenoisingScore::default()), 1.0),
        ("implicit", Box::new(ImplicitScore::default()), 0.5),
        ("sliced, VR", Box::new(sliced(true, SliceDirections::Rademacher)), 0.5),
        ("sliced", Box::new(sliced(false, SliceDirections::Rademacher)), 0.5),
        ("sliced, Gaussian", Box::new(sliced(false, SliceDirections::Gaussian)), 0.5),
    ];
    for (name, objective, factor) in objectives {
        tch::manual_seed(11);
        let gradients: Vec<Tensor> = (0..30)
            .map(|_| {
                let x0 = Tensor::randn([5000, 2], DOUBLE).matmul(&mixing).to_kind(Kind::Float);
                let loss = objective.loss(&model, &constants, &Batch::of(x0)).unwrap().by_sample.mean(Kind::Float);
                let gradient = Tensor::run_backward(&[loss], &model.var_store().trainable_variables(), false, false);
                gradient[0].narrow(0, 0, 4).to_kind(Kind::Double).view([2, 2])
            })
            .collect();
        let all = Tensor::stack(&gradients, 0);
        let standard_error = all.std_dim(0, true, false) / 30.0_f64.sqrt();
        let error = all.mean_dim(0, false, Kind::Double) - factor * &expected;
        assert!(largest(&(&error / &standard_error)) < 4.5, "{name}: {error} with {standard_error}");
        assert!(largest(&standard_error) < 0.03 * factor * largest(&expected), "{name}: {standard_error}");
    }
}

#[test]
fn what_has_no_score_or_no_affordable_trace_is_refused() {
    let _guard = libtorch();
    let message = |objective: &dyn Objective, process: &dyn Process, width: i64| {
        let model = ClosedForm::with_weight(&[width], &[0.5], |x, _, weight| x * weight);
        let batch = Batch::of(Tensor::randn([3, width], FLOAT));
        objective.loss(&model, process, &batch).err().map(|error| error.to_string())
    };
    let vp = Vp::default();
    let wide = message(&ImplicitScore::default(), &vp, 65).unwrap();
    assert!(wide.contains("these have 65, more than 64") && wide.ends_with("sliced-score"), "{wide}");
    assert!(
        message(&ImplicitScore::default(), &vp, 64).is_none() && message(&SlicedScore::default(), &vp, 65).is_none()
    );
    let constants = ConstantsManager::from_betas(&[0.1; 9], 1, Device::Cpu).unwrap();
    let skewed = NoiseConfig::from(Gamma::default()).of(Box::new(constants)).unwrap();
    for objective in [ObjectiveConfig::from(ImplicitScore::default()), SlicedScore::default().into()] {
        let refused = message(&*objective.build(), &*skewed, 2).unwrap();
        assert!(refused.contains(objective.name()) && refused.contains("is gamma"), "{refused}");
    }
    let none = SlicedScore { projections: 0, ..Default::default() };
    assert!(none.validate().unwrap_err().to_string().starts_with("SlicedScore.projections"));
}

/// Every network, with whatever `get_model` wraps around it, can be differentiated twice.
#[test]
fn every_network_has_second_derivatives() {
    let _guard = libtorch();
    for entry in NetworkConfig::ENTRIES {
        let mut network = NetworkConfig::from_name(entry.name).unwrap();
        let shape: &[i64] = if network.is_for_images() == Some(true) { &[1, 8, 8] } else { &[2] };
        network.fit(shape).unwrap();
        let model = Model::boxed(network.build(1, Precision::F32, Device::Cpu).unwrap());
        // Fresh networks end in zeros, whose derivatives are zeros, too.
        tch::manual_seed(3);
        tch::no_grad(|| {
            for mut weight in model.var_store().trainable_variables() {
                let shaken = &weight + 0.1 * weight.randn_like();
                weight.copy_(&shaken);
            }
        });
        let batch = Batch::of(Tensor::randn([&[4], shape].concat(), FLOAT));
        let loss = |objective: &dyn Objective| {
            tch::manual_seed(4);
            objective.loss(&model, &NoiseScales::default(), &batch).unwrap().by_sample.mean(Kind::Float)
        };
        let of = |objective: &dyn Objective| {
            let gradient =
                Tensor::run_backward(&[loss(objective)], &model.var_store().trainable_variables(), false, false);
            let norm = |of: &Tensor| if of.defined() { of.square().sum(Kind::Float).double_value(&[]) } else { 0.0 };
            gradient.iter().map(norm).sum::<f64>()
        };
        let found = of(&SlicedScore::default());
        assert!(found.is_finite() && found > 0.0, "{}: {found}", entry.name);
        if shape == [2] {
            assert!(of(&ImplicitScore::default()) > 0.0, "{}", entry.name);
        }
        // Attention takes another way then, to the same result.
        let t = Tensor::from_slice(&[3_i64; 4]);
        let of = |x: Tensor| model.forward(&x, &t, &Given::default());
        let (plain, differentiable) = (of(batch.x0.copy()), of(batch.x0.copy().set_requires_grad(true)));
        assert!(largest(&(&plain - differentiable)) < 1e-4 * largest(&plain), "{}", entry.name);
        // Also where gradients are off, as in a validation: the value is the same.
        let value = |of: &Tensor| of.double_value(&[]);
        let without = tch::no_grad(|| value(&loss(&SlicedScore::default())));
        let with = value(&loss(&SlicedScore::default()));
        assert!((without - with).abs() < 1e-5 * with.abs().max(1.0), "{}: {without} {with}", entry.name);
    }
}

/// Two clouds, learned without a target: the error of the noise comes down to near that of denoising score matching.
#[test]
fn a_network_learns_the_score_without_a_target() {
    let _guard = libtorch();
    tch::manual_seed(1);
    let base = base(Path::new("unused"), 1);
    let clouds = |n: i64| {
        let side = Tensor::arange(n, FLOAT).remainder(2.0) * 1.2 - 0.6;
        Tensor::randn([n, 2], FLOAT) * 0.2 + Tensor::stack(&[&side, &side.zeros_like()], 1)
    };
    let (points, unseen) = (clouds(2048), Batch::of(clouds(4000)));
    let learned = |objective: ObjectiveConfig| {
        let training = TrainingConfig {
            process: Some(NoiseScales { steps: 10, sigma_min: 0.1, sigma_max: 2.0 }.into()),
            objective,
            epochs: 30,
            batch_size: 128,
            learning_rate: 3e-3,
            ema_decay: 0.98,
            ..quick_training()
        };
        let loader = DataLoader::new(points.shallow_clone(), &base, &training).unwrap();
        let network = ResidualMlpConfig { width: 32, blocks: 2, ..Default::default() };
        let model = get_model(&base, network, &training).unwrap();
        let process = get_process(&base, &training).unwrap();
        let mut state = TrainingState::new(&model, &base, &training).unwrap();
        while state.epoch() < training.epochs {
            train_one_epoch(&model, &loader, &*process, &mut state, &mut |_| {}).unwrap();
        }
        state.with_averaged_weights(|| validation_loss(&model, &*process, &unseen)).unwrap()
    };
    let denoising = learned(DenoisingScore::default().into());
    for objective in [ObjectiveConfig::from(ImplicitScore::default()), SlicedScore::default().into()] {
        let name = objective.name();
        let found = learned(objective);
        println!("{name}: {found:.4}, denoising-score: {denoising:.4}");
        // Without learning it is 1.
        assert!(found < 1.15 * denoising && denoising < 0.7, "{name}: {found}, denoising-score: {denoising}");
    }
}
