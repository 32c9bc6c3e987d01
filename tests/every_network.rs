//! The suite of the networks: what holds of every entry of their catalogue.

mod common;

use common::libtorch;
use ddpm_tutor::prelude::*;
use tch::no_grad;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

/// The entry for small samples, points or images, whichever it takes; with three classes.
fn small(name: &str) -> NetworkConfig {
    let classes = |config: NetworkConfig| {
        let mut json = serde_json::to_value(config).unwrap();
        json[name]["classes"] = 3.into();
        serde_json::from_value::<NetworkConfig>(json).unwrap()
    };
    let mut config = classes(NetworkConfig::from_name(name).unwrap());
    if config.fit(&[3]).is_err() {
        config.fit(&[1, 8, 8]).unwrap();
    }
    config
}

fn samples(network: &dyn Network, n: i64) -> Tensor {
    Tensor::randn([&[n], &network.sample_shape()[..]].concat(), FLOAT)
}

fn furthest(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

#[test]
fn every_entry_is_a_function_of_samples_times_and_labels() {
    let _guard = libtorch();
    for entry in NetworkConfig::ENTRIES {
        let (name, config) = (entry.name, small(entry.name));
        assert_eq!((config.name(), config.classes()), (name, 3));
        let build = |seed| {
            tch::manual_seed(seed);
            config.build(1, Precision::F32, Device::Cpu).unwrap()
        };
        let network = build(1);
        let largest = network.var_store().variables().values().map(Tensor::numel).max().unwrap() as i64;
        let said = config.settings().unwrap().largest_layer();
        assert!(0 < said && said <= largest, "{name}: a layer of {said} numbers, of which the largest has {largest}");
        // One that starts by saying 0 says something after a few steps.
        disturb(&*network);
        let x = samples(&*network, 4);
        let t = Tensor::from_slice(&[1_i64, 7, 7, 39]);
        let label = Tensor::from_slice(&[0_i64, 1, 2, 3]);
        let of = |x: &Tensor, t: &Tensor, label: &Tensor| {
            no_grad(|| network.forward(x, t, &Given::label(label.shallow_clone())))
        };
        let output = of(&x, &t, &label);
        assert!(output.size() == x.size() && output.kind() == Kind::Float, "{name}: {output:?}");
        let wider =
            no_grad(|| config.build(3, Precision::F32, Device::Cpu).unwrap().forward(&x, &t, &Given::default()));
        assert_eq!((wider.size()[1], &wider.size()[2..]), (3 * x.size()[1], &x.size()[2..]), "{name}: three outputs");
        assert_eq!(of(&x, &t, &label), output, "{name}: it draws something where nothing is trained");
        assert!(furthest(&of(&x, &(&t + 5), &label), &output) > 1e-4, "{name}: the time changes nothing");
        let others = of(&x, &t, &Tensor::from_slice(&[1_i64, 2, 0, 3]));
        assert!(furthest(&others, &output) > 1e-4, "{name}: the label changes nothing");
        let third = of(&x.narrow(0, 2, 1), &t.narrow(0, 2, 1), &label.narrow(0, 2, 1));
        assert!(furthest(&third, &output.narrow(0, 2, 1)) < 1e-4, "{name}: a sample depends on the others");

        let shared = Tensor::from_slice(&[7_i64]).expand([4], false);
        let without = |t: &Tensor| no_grad(|| network.forward(&x, t, &Given::default()));
        let null = of(&x, &shared.contiguous(), &Tensor::full([4], 3, (Kind::Int64, Device::Cpu)));
        assert!(furthest(&without(&shared), &without(&shared.contiguous())) < 1e-5, "{name}: one time for all");
        assert!(furthest(&without(&shared), &null) < 1e-5, "{name}: no label is the null token");
        let halves = without(&(shared.to_kind(Kind::Float) + 0.5));
        assert!(furthest(&halves, &without(&shared)) > 1e-6, "{name}: real times reach it");
    }
}

/// Moves all weights a little.
fn disturb(network: &dyn Network) {
    no_grad(|| {
        for mut weight in network.var_store().trainable_variables() {
            let _ = weight.g_add_(&(weight.randn_like() * 0.05));
        }
    });
}

#[test]
fn every_entry_learns_with_all_of_its_weights_and_follows_its_seed() {
    let _guard = libtorch();
    for entry in NetworkConfig::ENTRIES {
        let (name, config) = (entry.name, small(entry.name));
        let build = |seed| {
            tch::manual_seed(seed);
            config.build(1, Precision::F32, Device::Cpu).unwrap()
        };
        let (one, same, other) = (build(1), build(1), build(2));
        assert_eq!(common::weights(&*one), common::weights(&*same), "{name}");
        assert_ne!(common::weights(&*one), common::weights(&*other), "{name}");
        disturb(&*one);
        let x = samples(&*one, 4);
        let (t, label) = (Tensor::from_slice(&[1_i64, 7, 20, 39]), Tensor::from_slice(&[0_i64, 1, 2, 3]));
        let given = Given { label: Some(label), ..Given::training() };
        one.forward(&x, &t, &given).square().sum(Kind::Float).backward();
        for (weight, tensor) in one.var_store().variables() {
            let gradient = tensor.grad();
            let learns = gradient.defined() && gradient.abs().sum(Kind::Float).double_value(&[]) > 0.0;
            assert!(learns, "{name}: {weight} has no gradient");
        }
    }
}

#[test]
fn samples_that_a_network_does_not_take_are_refused_with_those_that_do() {
    for entry in NetworkConfig::ENTRIES {
        let mut config = small(entry.name);
        let (points, images) = (config.clone().fit(&[2]).is_ok(), config.clone().fit(&[3, 8, 8]).is_ok());
        let declared = config.is_for_images().unwrap();
        assert_eq!((points, images), (!declared, declared), "{}: not what the catalogue declares", entry.name);
        let (wrong, right) = if declared { ([2].as_slice(), "fnn") } else { ([3, 8, 8].as_slice(), "unet") };
        let message = config.fit(wrong).unwrap_err().to_string();
        assert!(message.contains(entry.name) && message.contains(right), "{message}");
    }
    let message = NetworkConfig::from_name("u-net").unwrap_err().to_string();
    assert!(message.contains("did you mean \"unet\""), "{message}");
}
