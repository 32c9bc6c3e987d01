//! A network that is conditioned on classes draws those that it is asked for, and any where it is asked for none.

mod common;

use common::libtorch;
use ddpm_tutor::prelude::*;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

/// Two clouds, at x = -0.6 and x = 0.6.
fn clouds(n: i64) -> (Tensor, Vec<usize>) {
    let labels: Vec<usize> = (0..n as usize).map(|i| i % 2).collect();
    let side = Tensor::from_slice(&labels.iter().map(|label| *label as f32 * 1.2 - 0.6).collect::<Vec<f32>>());
    let points = Tensor::randn([n, 2], FLOAT) * 0.1 + Tensor::stack(&[&side, &side.zeros_like()], 1);
    (points, labels)
}

/// Does something with a model that has learned the two clouds.
fn with_trained(f: impl FnOnce(&Model, &ConstantsManager)) {
    let _guard = libtorch();
    tch::manual_seed(3);
    let base = BaseConfig { compute: DeviceChoice::Cpu.into(), seed: 3, ..Default::default() };
    let training = TrainingConfig { timesteps: 20, epochs: 12, batch_size: 200, ema_decay: 0.99, ..Default::default() };
    let (points, labels) = clouds(4_000);
    let loader = DataLoader::labelled(points, &labels, &["left", "right"], &base, &training).unwrap();
    let network = FnnConfig { classes: 2, hidden_widths: vec![64, 64], ..Default::default() };
    let model = get_model(&base, network, &training).unwrap();
    let constants = ConstantsManager::new(&base, &training).unwrap();
    let mut state = TrainingState::new(&model, &base, &training).unwrap();
    while state.epoch() < training.epochs {
        train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| {}).unwrap();
    }
    let averaged = || {
        f(&model, &constants);
        Ok(())
    };
    state.with_averaged_weights(averaged).unwrap();
}

fn quiet() -> InferenceLogger {
    InferenceLogger::new(InferType::None)
}

/// The share of samples on the right.
fn right(samples: &Tensor) -> f64 {
    samples.select(1, 0).gt(0.0).to_kind(Kind::Float).mean(Kind::Float).double_value(&[])
}

#[test]
fn samples_are_of_the_class_that_is_asked_for() {
    with_trained(|model, constants| {
        let share = |given: Given| {
            let denoiser = model.denoiser_given(constants, given).unwrap();
            let noise = draw_noise(model, constants, 400, 5).unwrap();
            right(&run_chain(&mut Ancestral::default(), &denoiser, constants, noise, &mut quiet()).unwrap())
        };
        let all = |class: i64| Given::label(Tensor::full([400], class, (Kind::Int64, Device::Cpu)));
        let shares = [share(all(0)), share(all(1)), share(all(2)), share(Given::default())];
        assert!(shares[0] < 0.02 && shares[1] > 0.98, "the share on the right: {shares:?}");
        assert!((0.3..0.7).contains(&shares[2]) && (shares[2] - shares[3]).abs() < 0.02, "the null token: {shares:?}");
    });
}

#[test]
fn labels_in_turn_are_drawn_in_turn_and_guidance_sharpens() {
    with_trained(|model, constants| {
        let drawn = |labels: &Tensor, guidance: f64| {
            generate_samples_of_classes(model, constants, labels, guidance, 5, &mut quiet()).unwrap()
        };
        let in_turn = Tensor::arange(400, (Kind::Int64, Device::Cpu)).remainder(2);
        let samples = drawn(&in_turn, 0.0);
        let of = |samples: &Tensor, class: i64| samples.slice(0, class, None, 2);
        let shares = [0, 1].map(|class| right(&of(&samples, class)));
        assert!(shares[0] < 0.02 && shares[1] > 0.98, "the share on the right: {shares:?}");
        // Guided samples stay away from where the other class may be.
        let nearest = |samples: &Tensor| of(samples, 1).select(1, 0).min().double_value(&[]);
        let mean = |samples: &Tensor| of(samples, 1).select(1, 0).mean(Kind::Float).double_value(&[]);
        let guided = drawn(&in_turn, 2.0);
        let (before, after) = ([mean(&samples), nearest(&samples)], [mean(&guided), nearest(&guided)]);
        assert!(after[0] > before[0] && after[1] > before[1], "mean and least x on the right: {before:?}, {after:?}");
        // Without a share, labels change nothing: it is what is drawn without them.
        let plain = generate_samples(model, constants, 400, 5, &mut quiet()).unwrap();
        assert_eq!(drawn(&in_turn, -1.0), plain);
        let null = Tensor::full([400], 2, (Kind::Int64, Device::Cpu));
        assert!(
            (drawn(&null, 2.0) - &plain).abs().max().double_value(&[]) < 1e-3,
            "the null token is guided by nothing"
        );
    });
}

#[test]
fn labels_that_cannot_be_are_refused() {
    let _guard = libtorch(); // initial weights are drawn
    let base = BaseConfig { compute: DeviceChoice::Cpu.into(), ..Default::default() };
    let training = TrainingConfig { timesteps: 20, ..Default::default() };
    let constants = ConstantsManager::new(&base, &training).unwrap();
    let refusal = |classes: i64, labels: &[i64], guidance: f64| {
        let network = FnnConfig { classes, hidden_widths: vec![8], ..Default::default() };
        let model = get_model(&base, network, &training).unwrap();
        let labels = Tensor::from_slice(labels);
        generate_samples_of_classes(&model, &constants, &labels, guidance, 1, &mut quiet()).unwrap_err().to_string()
    };
    assert!(refusal(0, &[0], 0.0).contains("takes no labels"));
    assert!(refusal(2, &[0, 3], 0.0).contains("0 to 1, or 2, the null token"));
    assert!(refusal(2, &[], 0.0).contains("one int64 a sample"));
    assert!(refusal(2, &[0], f64::NAN).contains("guidance: expected a finite number"));
}

#[test]
fn what_is_given_is_given_for_each_sample() {
    let _guard = libtorch(); // initial weights are drawn
    let base = BaseConfig { compute: DeviceChoice::Cpu.into(), ..Default::default() };
    let training = TrainingConfig { timesteps: 20, ..Default::default() };
    let network = FnnConfig { classes: 3, hidden_widths: vec![8], ..Default::default() };
    let model = get_model(&base, network, &training).unwrap();
    let constants = ConstantsManager::new(&base, &training).unwrap();
    let x_t = Tensor::zeros([4, 2], FLOAT);
    for n in [2, 5] {
        let labels = Tensor::zeros([n], (Kind::Int64, Device::Cpu));
        let denoiser = model.denoiser_given(&constants, Given::label(labels)).unwrap();
        let message = denoiser.denoise(&x_t, 3.0).unwrap_err().to_string();
        assert!(message.contains("labels: expected shape [4, …]"), "{message}");
    }
    for t in [0.0, -1.0, 20.5, f64::NAN] {
        let message = model.denoiser(&constants).denoise(&x_t, t).unwrap_err().to_string();
        assert!(message.contains("1..=20"), "{message}");
    }
    let wrong = DataLoader::labelled(x_t.shallow_clone(), &[0, 1, 2, 3], &["a", "b"], &base, &training);
    assert!(wrong.unwrap_err().to_string().contains("2 classes"));
    let few = DataLoader::labelled(x_t, &[0, 1], &["a", "b"], &base, &training);
    assert!(few.unwrap_err().to_string().contains("one per sample"));
}
