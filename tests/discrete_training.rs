//! Training on categories: a network learns probabilities that are known, stops and resumes, and is written and read.

mod common;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use common::{base, bits, libtorch, quick_training};
use ddpm_tutor::prelude::*;

fn small(states: i64) -> TokenConvConfig {
    TokenConvConfig { symbols: 3, states, width: 24, dilations: vec![1, 2], kernel: 5, time_embedding: 16 }
}

/// Strings of six symbols: the first is 0, 1, 2 with probabilities .6, .3, .1, and each of the others is the one before it plus 1, modulo 3.
fn strings(n: i64) -> Tensor {
    tch::manual_seed(3);
    let first = Tensor::from_slice(&[0.6, 0.3, 0.1]).multinomial(n, true).unsqueeze(1);
    (first + Tensor::arange(6, (Kind::Int64, Device::Cpu))).remainder(3)
}

fn training() -> TrainingConfig {
    TrainingConfig {
        epochs: 12,
        batch_size: 64,
        validation_samples: 256,
        learning_rate: 4e-3,
        ema_decay: 0.95,
        ..quick_training()
    }
}

#[test]
fn a_network_learns_the_data_with_a_mask_and_without() {
    let _guard = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let (base, training) = (base(folder.path(), 100), training());
    let loader = DataLoader::new(strings(2304).to_kind(Kind::Float), &base, &training).unwrap();
    let all = (Tensor::arange(3, (Kind::Int64, Device::Cpu)).unsqueeze(1)
        + Tensor::arange(6, (Kind::Int64, Device::Cpu)))
    .remainder(3);
    let share = |of: Tensor| of.to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
    for name in ["absorbing", "uniform", "nearest"] {
        let process = TokenProcess::new(TransitionConfig::from_name(name).unwrap(), 3, 40).unwrap();
        tch::manual_seed(1);
        let network = TokenConv::new(&small(process.states()), Device::Cpu).unwrap();
        let learner = TokenLearner::new(&network, &process).unwrap();
        let mut state = TrainingState::of_learner(&learner, &base, &training).unwrap();
        while state.epoch() < training.epochs {
            train_one_epoch_of(&learner, &loader, &mut state, &mut |_| {}).unwrap();
        }
        let valid = state.history().last().and_then(|loss| loss.validation).unwrap();
        state.keep_averaged_weights().unwrap();
        let predictor = NetworkPredictor::new(&network, &process).unwrap();
        let oracle = StringsOracle::new(&process, &all, &Tensor::from_slice(&[0.6, 0.3, 0.1])).unwrap();
        let unseen = strings(500);
        let bound = |predictor: &dyn TokenPredictor| {
            tch::manual_seed(2);
            estimate_bound(&process, predictor, &unseen).unwrap().per_token()
        };
        let (ours, exact) = (bound(&predictor), bound(&oracle));
        assert!(ours > exact - 0.005 && ours < exact + 0.04, "{name}: {ours} nats per token, and exact {exact}");
        assert!((valid - ours).abs() < 0.05, "{name}: {valid}, {ours}");
        let draw = |predictor: &dyn TokenPredictor| {
            let sampler = TokenAncestral::new(&process);
            generate_tokens(&sampler, predictor, 1000, 6, 4, &mut |_: &TokenState| ControlFlow::Continue(())).unwrap()
        };
        let whole = |drawn: &Tensor| share(drawn.unsqueeze(1).eq_tensor(&all).all_dim(2, false).any_dim(1, false));
        let (drawn, exact) = (draw(&predictor), draw(&oracle));
        let (ours, exact) = (whole(&drawn), whole(&exact));
        let first = [0, 1, 2].map(|k| share(drawn.select(1, 0).eq(k)));
        println!("{name}: {ours} whole, exact {exact}, first {first:?}");
        assert!(ours > exact - 0.1, "{name}: {ours} of the samples are whole, {exact} with the exact prediction");
        assert!((first[0] - 0.6).abs() < 0.1 && (first[2] - 0.1).abs() < 0.06, "{name}: {first:?}");
    }
}

#[test]
fn a_stopped_training_ends_where_one_that_is_not_does() {
    let _guard = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let (base, training) = (base(folder.path(), 100), TrainingConfig { epochs: 2, ..training() });
    let manager = ModelManager::new(&base, "tokens", NetworkConfig::Own("tokens".to_owned()), &training).unwrap();
    let loader = DataLoader::new(strings(600).to_kind(Kind::Float), &base, &training).unwrap();
    let process = TokenProcess::new(AbsorbingTransition::default(), 3, 20).unwrap();
    let make = |seed| {
        tch::manual_seed(seed);
        TokenConv::new(&small(4), Device::Cpu).unwrap()
    };
    let train = |network: &TokenConv, state: &mut TrainingState, observer: &mut dyn FnMut(&StepReport)| {
        let learner = TokenLearner::new(network, &process).unwrap();
        while state.epoch() < training.epochs && !state.is_stopped() {
            train_one_epoch_of(&learner, &loader, state, observer).unwrap();
        }
    };
    let weights = |network: &TokenConv| -> Vec<Vec<u32>> {
        network.var_store().variables().into_iter().collect::<BTreeMap<_, _>>().values().map(bits).collect()
    };
    let start = |network: &TokenConv| {
        TrainingState::of_learner(&TokenLearner::new(network, &process).unwrap(), &base, &training).unwrap()
    };
    let whole = make(1);
    train(&whole, &mut start(&whole), &mut |_| ());
    let first = make(1);
    let mut state = start(&first);
    train(&first, &mut state, &mut |report| {
        if (report.epoch, report.step) == (2, 3) {
            report.stop();
        }
    });
    manager.update_checkpoint(&state).unwrap();
    let second = make(2);
    let mut state = manager.load_learner(&TokenLearner::new(&second, &process).unwrap(), None).unwrap();
    train(&second, &mut state, &mut |_| ());
    assert_eq!(weights(&second), weights(&whole));
}

#[test]
fn networks_are_written_and_read_and_checked() {
    let _guard = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("network.safetensors");
    tch::manual_seed(1);
    let network =
        TokenConv::new(&TokenConvConfig { dilations: vec![1, 1], kernel: 3, ..small(4) }, Device::Cpu).unwrap();
    for (_, mut variable) in network.var_store().variables() {
        tch::no_grad(|| variable.copy_(&variable.randn_like().to_kind(Kind::Half)));
    }
    network.save(&file).unwrap();
    let read = TokenConv::load(&file, Device::Cpu).unwrap();
    let x = Tensor::from_slice(&[0_i64, 1, 2, 3, 3, 0, 1]).view([1, 7]);
    let time = Tensor::from_slice(&[500.0_f32]);
    assert_eq!((read.config(), read.forward(&x, &time)), (network.config(), network.forward(&x, &time)));
    // Whole tokens are near: far ones do not matter.
    let far = x.copy();
    let _ = far.get(0).get(6).fill_(0);
    let difference = (network.forward(&x, &time) - network.forward(&far, &time)).abs().amax([-1].as_slice(), false);
    let seen: Vec<bool> = (0..7).map(|i| difference.double_value(&[0, i]) > 0.0).collect();
    assert_eq!(seen, [false, false, false, false, true, true, true]);

    std::fs::write(&file, b"no network").unwrap();
    let message = TokenConv::load(&file, Device::Cpu).err().unwrap().to_string();
    assert!(message.contains("not a complete safetensors file"), "{message}");
    let other = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/discrete.safetensors");
    let message = TokenConv::load(other, Device::Cpu).err().unwrap().to_string();
    assert!(message.contains("not such a network"), "{message}");
    let uniform = TokenProcess::new(UniformTransition::default(), 3, 5).unwrap();
    let message = TokenLearner::new(&network, &uniform).err().unwrap().to_string();
    assert!(message.contains("3 symbols and 3 states") && message.contains("4 states"), "{message}");
    assert!(TokenConv::new(&TokenConvConfig { kernel: 4, ..small(4) }, Device::Cpu).is_err());
    let masked = TokenProcess::new(AbsorbingTransition::default(), 3, 5).unwrap();
    let learner = TokenLearner::new(&network, &masked).unwrap();
    let (base, training) = (base(folder.path(), 100), quick_training());
    for (data, fault) in [
        (Tensor::full([20, 4], 3.0, (Kind::Float, Device::Cpu)), "0..3"),
        (Tensor::full([20, 4], 0.5, (Kind::Float, Device::Cpu)), "whole"),
    ] {
        let message = learner.check(&DataLoader::new(data, &base, &training).unwrap()).unwrap_err().to_string();
        assert!(message.contains(fault), "{message}");
    }
}

/// A pixel is a token.
#[test]
fn images_of_grey_levels_train_with_the_unet() {
    let _guard = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let base =
        BaseConfig { dataset: PaintedFlowers { size: [8, 8], ..Default::default() }.into(), ..base(folder.path(), 64) };
    let training = TrainingConfig { epochs: 3, batch_size: 16, validation_samples: 0, ..training() };
    let images = get_dataloader(&base, &training).unwrap().first(64);
    let tokens = to_levels(&images, 8).unwrap();
    let loader = DataLoader::new(tokens.to_kind(Kind::Float), &base, &training).unwrap();
    let process = TokenProcess::new(GaussianTransition::default(), 8, 50).unwrap();
    tch::manual_seed(1);
    let config = UnetConfig {
        base_channels: 8,
        channel_multipliers: vec![1, 1],
        attention: vec![false, false],
        ..UnetConfig::small()
    };
    let network = TokenUnet::new(&config, 8, false, [8, 8], Device::Cpu).unwrap();
    let learner = TokenLearner::new(&network, &process).unwrap();
    let mut state = TrainingState::of_learner(&learner, &base, &training).unwrap();
    while state.epoch() < training.epochs {
        train_one_epoch_of(&learner, &loader, &mut state, &mut |_| {}).unwrap();
    }
    let means: Vec<f64> = state.history().iter().map(|loss| loss.mean).collect();
    assert!(means[2] < means[0], "{means:?}");
    let predictor = NetworkPredictor::new(&network, &process).unwrap();
    let drawn = generate_tokens(&TokenAncestral::new(&process), &predictor, 2, 64, 1, &mut |_: &TokenState| {
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(from_levels(&drawn, 8, [8, 8]).unwrap().size(), [2, 3, 8, 8]);
    let few = generate_tokens(&TokenAncestral::new(&process), &predictor, 2, 63, 1, &mut |_: &TokenState| {
        ControlFlow::Continue(())
    });
    assert!(few.unwrap_err().to_string().contains("[N, 64]"));
    assert!(visualize_transitions(&process, &[1, 10, 50]).is_ok() && visualize_transitions(&process, &[51]).is_err());
}
