//! Networks and trainings on a GPU.

use std::env;

use ddpm_tutor::prelude::*;
use tch::no_grad;

use crate::common::libtorch;
use crate::run::{Run, device, images, measured, on_gpu, relative};

#[test]
#[ignore = "needs a GPU: see gpu/README.md"]
fn every_network_is_the_same_function_as_on_the_cpu() {
    let _guard = libtorch();
    let there = device().resolve().unwrap();
    for entry in NetworkConfig::ENTRIES {
        let mut config = NetworkConfig::from_name(entry.name).unwrap();
        let shape: &[i64] = if config.fit(&[2]).is_ok() { &[2] } else { &[3, 16, 16] };
        config.fit(shape).unwrap();
        let build = |precision, device| config.build(1, precision, device).unwrap();
        tch::manual_seed(1);
        let here = build(Precision::F32, Device::Cpu);
        // One that starts by saying 0 has no gradient below its last layer.
        no_grad(|| {
            for mut weight in here.var_store().trainable_variables() {
                let _ = weight.g_add_(&(weight.randn_like() * 0.03));
            }
        });
        let x = Tensor::randn([&[8], shape].concat(), tch::kind::FLOAT_CPU);
        let (t, target) = (Tensor::from_slice(&[1_i64, 5, 9, 20, 33, 39, 40, 2]), x.randn_like());
        let pass = |network: &dyn Network| {
            let device = network.var_store().device();
            let output = network.forward(&x.to_device(device), &t.to_device(device), &Given::default());
            let loss = (&output - target.to_device(device)).square().mean(Kind::Float);
            let mut weights: Vec<_> =
                network.var_store().variables().into_iter().filter(|of| of.1.requires_grad()).collect();
            weights.sort_by(|a, b| a.0.cmp(&b.0));
            let weights: Vec<Tensor> = weights.into_iter().map(|of| of.1).collect();
            let gradient = Tensor::f_run_backward(&[loss], &weights, false, false).unwrap();
            (
                output,
                Tensor::cat(&gradient.iter().map(|of| of.to_device(Device::Cpu).reshape([-1])).collect::<Vec<_>>(), 0),
            )
        };
        let (output, gradient) = pass(&*here);
        for (precision, most) in [(Precision::F32, 1e-4), (Precision::Bf16, 0.05)] {
            let network = build(precision, there);
            let from = here.var_store().variables();
            no_grad(|| {
                network.var_store().variables().into_iter().for_each(|(name, mut weight)| weight.copy_(&from[&name]))
            });
            let (its_output, its_gradient) = pass(&*network);
            let (of_output, of_gradient) = (relative(&its_output, &output), relative(&its_gradient, &gradient));
            let name = format!("{}_{}", entry.name, if precision == Precision::F32 { "f32" } else { "bf16" });
            measured(&format!("{name}_output"), of_output, "relative");
            measured(&format!("{name}_gradient"), of_gradient, "relative");
            assert!(of_output < most && of_gradient < most, "{name}: output {of_output}, gradient {of_gradient}");
        }
    }
}

/// Clipped and decayed: on a GPU it is one kernel where the crate has `fast-cuda`.
#[test]
#[ignore = "needs a GPU: see gpu/README.md"]
fn adamw_takes_the_steps_that_it_takes_on_the_cpu() {
    let _guard = libtorch();
    let x = Tensor::randn([64, 2], tch::kind::FLOAT_CPU);
    let steps = |device: Device| {
        tch::manual_seed(1);
        let start = FnnConfig::default().build(1, Precision::F32, Device::Cpu).unwrap();
        let network = FnnConfig::default().build(1, Precision::F32, device).unwrap();
        let from = start.var_store().variables();
        no_grad(|| {
            network.var_store().variables().into_iter().for_each(|(name, mut weight)| weight.copy_(&from[&name]))
        });
        let mut optimizer = AdamW::new(network.var_store(), 0.1, Some(0.05)).unwrap();
        let (x, t) = (x.to_device(device), Tensor::ones([64], (Kind::Int64, device)));
        for _ in 0..20 {
            let loss = (network.forward(&x, &t, &Given::default()) - 1.0).square().mean(Kind::Float);
            let (_, norm) = optimizer.backward_step(&loss, 1e-3).unwrap();
            assert!(norm > 0.05, "{norm} would not be clipped");
        }
        let mut weights: Vec<_> = network.var_store().variables().into_iter().collect();
        weights.sort_by(|a, b| a.0.cmp(&b.0));
        Tensor::cat(
            &weights.into_iter().map(|of| of.1.detach().to_device(Device::Cpu).reshape([-1])).collect::<Vec<_>>(),
            0,
        )
    };
    let distance = relative(&steps(device().resolve().unwrap()), &steps(Device::Cpu));
    measured("adamw_weights", distance, "relative");
    assert!(distance < 1e-4, "{distance}");
}

/// Dropout and all: a recorded network draws the random numbers that it would draw otherwise.
#[test]
#[ignore = "needs a GPU: see gpu/README.md"]
fn a_network_recorded_as_cuda_graphs_trains_as_it_does_without() {
    let _guard = libtorch();
    for precision in [Precision::F32, Precision::Bf16] {
        let (base, network, training) = images(precision);
        let train = |graphs: &str| {
            // SAFETY: tests of this file run one at a time.
            unsafe { env::set_var("DDPM_CUDA_GRAPHS", graphs) };
            let mut run = Run::new(&base, network.clone(), &training);
            unsafe { env::remove_var("DDPM_CUDA_GRAPHS") };
            run.until(20).unwrap();
            let mut none = InferenceLogger::new(InferType::None).quiet();
            let samples = generate_samples(&run.model, &run.constants, 5, 1, &mut none).unwrap();
            (run, samples)
        };
        let ((without, samples), (with, its_samples)) = (train("0"), train("1"));
        let furthest = without.losses.iter().zip(&with.losses).map(|(a, b)| (a - b).abs() / a).fold(0.0, f64::max);
        let (of_weights, of_samples) =
            (relative(&with.weights(), &without.weights()), relative(&its_samples, &samples));
        let name = if precision == Precision::F32 { "f32" } else { "bf16" };
        measured(&format!("recorded_{name}_losses"), furthest, "relative");
        measured(&format!("recorded_{name}_weights"), of_weights, "relative");
        measured(&format!("recorded_{name}_samples"), of_samples, "relative");
        let most = if precision == Precision::F32 { 1e-3 } else { 0.05 };
        assert!(furthest < most && of_weights < most, "{name}: losses {furthest}, weights {of_weights}");
    }
}

#[test]
#[ignore = "needs a GPU: see gpu/README.md"]
fn a_training_stopped_within_an_epoch_ends_where_one_that_was_not_does() {
    let _guard = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let (mut base, network, training) = images(Precision::F32);
    base.models_dir = folder.path().to_owned();
    let mut whole = Run::new(&base, network.clone(), &training);
    whole.until(24).unwrap();

    let manager = ModelManager::new(&base, "stopped", network.clone(), &training).unwrap();
    let mut first = Run::new(&base, network.clone(), &training);
    first.until(11).unwrap();
    assert!(first.state.is_stopped());
    manager.create_checkpoint(&first.state).unwrap();
    let mut second = Run::new(&base, network, &training);
    second.losses = vec![f64::NAN; 11];
    second.state = manager.load_checkpoint(&second.model, None).unwrap();
    assert_eq!(second.state.steps(), 11);
    second.until(24).unwrap();
    let distance = relative(&second.weights(), &whole.weights());
    measured("resumed_weights", distance, "relative");
    assert!(distance < 1e-3, "{distance}");
}

#[test]
#[ignore = "needs a GPU: see gpu/README.md"]
fn a_device_that_is_not_there_is_refused_by_name() {
    if on_gpu() {
        let message = DeviceChoice::Cuda(99).resolve().unwrap_err().to_string();
        assert!(message.contains("cuda:99") && message.contains("cuda:0"), "{message}");
        println!("{message}");
    }
}
