//! The U-Net: its blocks and shapes, what can be seen inside, and the numbers that it computes in. (Against PyTorch:
//! `original.rs`.)

mod common;

use common::{bits, libtorch};
use ddpm_tutor::prelude::*;

fn tiny() -> UnetConfig {
    UnetConfig {
        image_shape: [3, 8, 16],
        base_channels: 8,
        channel_multipliers: vec![1, 2],
        attention: vec![false, true],
        residual_blocks: 1,
        dropout: 0.5,
        ..Default::default()
    }
}

/// A fresh U-Net with every weight shaken: fresh ones end in zeros, which would hide most of the network.
fn shaken(config: &UnetConfig, precision: Precision) -> Unet {
    tch::manual_seed(3);
    let unet = Unet::new(config, precision, Device::Cpu).unwrap();
    let _no_grad = tch::no_grad_guard();
    let mut variables: Vec<_> = unet.var_store().variables().into_iter().collect();
    variables.sort_by(|a, b| a.0.cmp(&b.0));
    for (_, mut parameter) in variables {
        let shake = parameter.randn_like() * 0.1;
        let _ = parameter.g_add_(&shake);
    }
    unet
}

fn input(config: &UnetConfig, n: i64) -> (Tensor, Tensor) {
    let [c, h, w] = config.image_shape;
    (Tensor::randn([n, c, h, w], (Kind::Float, Device::Cpu)), Tensor::from_slice(&vec![7_i64; n as usize]))
}

#[test]
fn every_block_has_the_shape_of_its_level_and_attention_is_a_distribution() {
    let _libtorch = libtorch();
    let unet = shaken(&tiny(), Precision::F32);
    let (x_t, t) = input(&tiny(), 2);
    let inside = unet.look_inside(&x_t, &t).unwrap();
    let shapes: Vec<(&str, Vec<i64>)> = inside.features.iter().map(|(name, f)| (name.as_str(), f.size())).collect();
    let expected = [
        ("first", 8, [8, 16]),
        ("encoder_blocks.0", 8, [8, 16]),
        ("encoder_blocks.1", 8, [4, 8]),
        ("encoder_blocks.2", 16, [4, 8]),
        ("bottleneck_blocks.0", 16, [4, 8]),
        ("bottleneck_blocks.1", 16, [4, 8]),
        ("decoder_blocks.0", 16, [4, 8]),
        ("decoder_blocks.1", 16, [4, 8]),
        ("decoder_blocks.2", 16, [8, 16]),
        ("decoder_blocks.3", 8, [8, 16]),
        ("decoder_blocks.4", 8, [8, 16]),
        ("final", 3, [8, 16]),
    ];
    let expected: Vec<(&str, Vec<i64>)> = expected.map(|(name, c, [h, w])| (name, vec![2, c, h, w])).into();
    assert_eq!(shapes, expected);

    let names: Vec<&str> = inside.attention.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["encoder_blocks.2", "bottleneck_blocks.0", "decoder_blocks.0", "decoder_blocks.1"]);
    for (name, map) in &inside.attention {
        assert_eq!(map.size(), [2, 4, 32, 32], "{name}");
        let sums = map.sum_dim_intlist([-1_i64].as_slice(), false, Kind::Float);
        assert!((sums - 1.0).abs().max().double_value(&[]) < 1e-5, "{name}");
        assert!(map.min().double_value(&[]) >= 0.0, "{name}");
    }
    let summary = unet.summary().unwrap();
    let parameters: usize = summary.blocks.iter().map(|block| block.parameters).sum();
    assert_eq!(parameters as i64, parameter_count(&unet));
    assert!(summary.to_string().contains("16 x 4 x 8"), "{summary}");
}

#[test]
fn a_fresh_network_predicts_no_noise_and_learns_in_every_parameter() {
    let _libtorch = libtorch();
    let config = UnetConfig { dropout: 0.0, ..tiny() };
    let unet = Unet::new(&config, Precision::F32, Device::Cpu).unwrap();
    let (x_t, t) = input(&config, 2);
    assert_eq!(unet.forward(&x_t, &t, &Given::default()), x_t.zeros_like());
    let unet = shaken(&config, Precision::F32);
    let loss = unet.forward(&x_t, &t, &Given::training()).square().mean(Kind::Float);
    loss.backward();
    for (name, parameter) in unet.var_store().variables() {
        let gradient = parameter.grad();
        assert!(gradient.defined() && gradient.abs().sum(Kind::Float).double_value(&[]) > 0.0, "{name}");
    }
}

#[test]
fn dropout_is_for_training_alone() {
    let _libtorch = libtorch();
    let unet = shaken(&tiny(), Precision::F32);
    let (x_t, t) = input(&tiny(), 2);
    assert_eq!(bits(&unet.forward(&x_t, &t, &Given::default())), bits(&unet.forward(&x_t, &t, &Given::default())));
    assert_ne!(
        bits(&unet.forward(&x_t, &t, &Given::training())),
        bits(&unet.forward(&x_t, &t, &Given::training())),
        "dropout draws anew each time"
    );
}

#[test]
fn bf16_agrees_with_f32_to_its_precision_and_keeps_its_weights_in_f32() {
    let _libtorch = libtorch();
    let (wide, narrow) = (shaken(&tiny(), Precision::F32), shaken(&tiny(), Precision::Bf16));
    let (x_t, t) = input(&tiny(), 4);
    let (exact, rounded) = (wide.forward(&x_t, &t, &Given::default()), narrow.forward(&x_t, &t, &Given::default()));
    assert_eq!(rounded.kind(), Kind::Float);
    let off = (&exact - &rounded).square().mean(Kind::Float).sqrt().double_value(&[]);
    let size = exact.square().mean(Kind::Float).sqrt().double_value(&[]);
    assert!(off > 0.0 && off < 0.03 * size, "{off} of {size}");
    assert!(narrow.var_store().variables().values().all(|parameter| parameter.kind() == Kind::Float));
}

#[test]
fn each_image_is_seen_for_itself_and_the_time_is_heard() {
    let _libtorch = libtorch();
    let unet = shaken(&tiny(), Precision::F32);
    let (x_t, t) = input(&tiny(), 3);
    let together = unet.forward(&x_t, &t, &Given::default());
    let alone = unet.forward(&x_t.narrow(0, 1, 1), &t.narrow(0, 1, 1), &Given::default());
    assert!((together.narrow(0, 1, 1) - alone).abs().max().double_value(&[]) < 1e-5);
    let later = unet.forward(&x_t, &(t + 500), &Given::default());
    assert!((together - later).abs().max().double_value(&[]) > 1e-3);
}

#[test]
fn residual_sums_can_be_scaled() {
    let _libtorch = libtorch();
    let spread = |scale_residuals| {
        let config = UnetConfig { scale_residuals, residual_blocks: 3, ..tiny() };
        let unet = shaken(&config, Precision::F32);
        tch::manual_seed(1);
        let (x_t, t) = input(&config, 4);
        let inside = unet.look_inside(&x_t, &t).unwrap();
        inside.features.iter().find(|(name, _)| name == "bottleneck_blocks.1").unwrap().1.std(false).double_value(&[])
    };
    assert!(spread(true) < 0.8 * spread(false), "{} and {}", spread(true), spread(false));
}
