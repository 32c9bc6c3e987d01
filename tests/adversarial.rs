//! Adversarial score matching: without weight it is denoising score matching, and the discriminator finds the best one.

mod common;

use std::path::Path;

use common::{base, libtorch, quick_training, small_network, weights};
use ddpm_tutor::prelude::*;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

fn training() -> TrainingConfig {
    TrainingConfig {
        process: Some(NoiseScales { steps: 10, sigma_min: 0.05, sigma_max: 1.5 }.into()),
        validation_samples: 100,
        ..quick_training()
    }
}

/// Points, a model and a discriminator, always the same.
fn setting() -> (DataLoader, Model, Discriminator, Box<dyn Process>, BaseConfig) {
    let base = BaseConfig { dataset: Moons::default().into(), ..base(Path::new("unused"), 1000) };
    let loader = get_dataloader(&base, &training()).unwrap();
    let model = get_model(&base, small_network(), &training()).unwrap();
    tch::manual_seed(8);
    let discriminator = Discriminator::new(&[2], &[32, 32], Device::Cpu).unwrap();
    let process = get_process(&base, &training()).unwrap();
    (loader, model, discriminator, process, base)
}

fn discriminating(discriminator: &Discriminator) -> Vec<Tensor> {
    discriminator.var_store().trainable_variables().iter().map(Tensor::copy).collect()
}

#[test]
fn with_weight_0_the_model_is_that_of_the_plain_learner_and_with_another_it_is_not() {
    let _guard = libtorch();
    let plain = {
        let (loader, model, _, process, base) = setting();
        let objective: Box<dyn Objective> = Box::new(DenoisingScore::default());
        let learner = ModelLearner::new(&model, &*process, objective);
        let mut state = TrainingState::of_learner(&learner, &base, &training()).unwrap();
        let loss = train_one_epoch_of(&learner, &loader, &mut state, &mut |_| ()).unwrap();
        (loss.mean.to_bits(), loss.validation, weights(&model))
    };
    for weight in [0.0, 0.1] {
        let (loader, model, discriminator, process, base) = setting();
        let before = discriminating(&discriminator);
        let learner =
            AdversarialLearner::new(&model, &*process, DenoisingScore::default(), &discriminator, weight).unwrap();
        let mut state = TrainingState::of_learner(&learner, &base, &training()).unwrap();
        let loss = train_one_epoch_of(&learner, &loader, &mut state, &mut |_| ()).unwrap();
        let found = (loss.mean.to_bits(), loss.validation, weights(&model));
        assert_eq!(found == plain, weight == 0.0, "weight {weight}");
        let moved = before.iter().zip(discriminating(&discriminator)).any(|(before, after)| *before != after);
        assert!(moved, "the discriminator learns, too");
        assert!(learner.try_step(&loader.held_out_batch().unwrap()).is_ok());
        assert_eq!(learner.groups().len(), 2);
    }
}

/// `D* = ( p - q ) / ( p + q )`, and its loss is the integral of `4 p q / ( p + q )`.
#[test]
fn the_best_discriminator_between_two_gaussians_is_known() {
    let _guard = libtorch();
    tch::manual_seed(5);
    let (n, shift) = (400_000, 0.8);
    let density = |x: f64, mean: f64| (-(x - mean).powi(2) / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let h = 1e-3;
    let integral: f64 = (-9000..9000)
        .map(|i| f64::from(i) * h)
        .map(|x| (density(x, shift), density(x, -shift)))
        .map(|(p, q)| h * 4.0 * p * q / (p + q))
        .sum();
    let double = (Kind::Double, Device::Cpu);
    let (real, made) = (Tensor::randn([n], double) + shift, Tensor::randn([n], double) - shift);
    // log p / q = 2 shift x, so that D* = tanh( shift x ).
    let best = |x: &Tensor| (shift * x).tanh();
    let loss = |d: &dyn Fn(&Tensor) -> Tensor| discriminator_loss(&d(&real), &d(&made));
    let at_best = loss(&best);
    let (mean, error) =
        (at_best.mean(Kind::Double).double_value(&[]), at_best.std(true).double_value(&[]) / (n as f64).sqrt());
    assert!((mean - integral).abs() < 4.5 * error, "{mean} ± {error}, not {integral}");
    for other in
        [&(|x: &Tensor| 1.1 * best(x)) as &dyn Fn(&Tensor) -> Tensor, &|x| best(x) + 0.05, &|x| best(&(1.3 * x))]
    {
        assert!(loss(other).mean(Kind::Double).double_value(&[]) > mean);
    }
    assert_eq!(adversarial_loss(&Tensor::from_slice(&[1.0, -1.0])), Tensor::from_slice(&[0.0, 4.0]));

    // The network comes close to it.
    let discriminator = Discriminator::new(&[1], &[32, 32], Device::Cpu).unwrap();
    let mut optimizer = nn::OptimizerConfig::build(nn::Adam::default(), discriminator.var_store(), 3e-3).unwrap();
    for _ in 0..400 {
        let [real, made] = [shift, -shift].map(|mean| discriminator.forward(&(Tensor::randn([1000, 1], FLOAT) + mean)));
        optimizer.backward_step(&discriminator_loss(&real, &made).mean(Kind::Float));
    }
    let x = Tensor::linspace(-2.0, 2.0, 41, FLOAT);
    let off =
        tch::no_grad(|| discriminator.forward(&x.unsqueeze(1)) - best(&x)).abs().mean(Kind::Float).double_value(&[]);
    assert!(off < 0.08, "{off}");
}

#[test]
fn a_training_on_moons_learns_both() {
    let _guard = libtorch();
    let (loader, model, discriminator, process, base) = setting();
    let training = TrainingConfig { epochs: 20, ..training() };
    let learner = AdversarialLearner::new(&model, &*process, DenoisingScore::default(), &discriminator, 0.05).unwrap();
    let held_out = loader.held_out_batch().unwrap();
    let before = learner.validate(&held_out).unwrap();
    let mut state = TrainingState::of_learner(&learner, &base, &training).unwrap();
    while state.epoch() < training.epochs {
        train_one_epoch_of(&learner, &loader, &mut state, &mut |_| ()).unwrap();
    }
    let after = state.history().last().unwrap().validation.unwrap();
    assert!(after < 0.75 * before, "{before} before, {after} after");
    // It tells data from pure noise.
    let mean = |x: &Tensor| discriminator.forward(x).mean(Kind::Float).double_value(&[]);
    let (of_data, of_noise) = (mean(&held_out.x0), mean(&(3.0 * Tensor::randn([500, 2], FLOAT))));
    assert!(of_data > of_noise, "{of_data} {of_noise}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let _guard = libtorch();
    let (_, model, discriminator, process, _) = setting();
    let objective = DenoisingScore::default;
    let refused =
        AdversarialLearner::new(&model, &*process, objective(), &discriminator, -1.0).err().unwrap().to_string();
    assert!(refused.starts_with("weight of the discriminator"), "{refused}");
    let other = Discriminator::new(&[3], &[8], Device::Cpu).unwrap();
    let refused = AdversarialLearner::new(&model, &*process, objective(), &other, 1.0).err().unwrap().to_string();
    assert!(refused.contains("[2], those of the model") && refused.contains("[3]"), "{refused}");
    assert!(Discriminator::new(&[2], &[0], Device::Cpu).is_err());
}
