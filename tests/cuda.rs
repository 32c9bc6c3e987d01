//! What holds on a GPU: `cargo xtask gpu-kit` brings these tests to a machine that has one (gpu/README.md). `DDPM_TUTOR_DEVICE` names the
//! device; on `cpu`, sizes are tiny, and what is of a GPU alone is left out. A line `measured NAME VALUE UNIT` is a figure for the report.

mod common;
mod cuda_driver;

use std::env;
use std::time::Instant;

use common::libtorch;
use cuda_driver::{free_memory, host_waits};
use ddpm_tutor::prelude::*;
use tch::no_grad;

fn device() -> DeviceChoice {
    env::var("DDPM_TUTOR_DEVICE").map_or(DeviceChoice::Cuda(0), |name| name.parse().unwrap())
}

fn on_gpu() -> bool {
    matches!(device(), DeviceChoice::Cuda(_))
}

fn compute(precision: Precision) -> ComputeConfig {
    ComputeConfig { device: device(), precision }
}

fn measured(name: &str, value: f64, unit: &str) {
    println!("measured {name} {value:.6} {unit}");
}

/// `|| a - b || / || b ||`, of any devices.
fn relative(a: &Tensor, b: &Tensor) -> f64 {
    let double = |x: &Tensor| x.to_device(Device::Cpu).to_kind(Kind::Double);
    let (a, b) = (double(a), double(b));
    ((a - &b).norm() / b.norm().clamp_min(1e-30)).double_value(&[])
}

/// A U-Net with dropout and attention for images of 16 x 16, and painted flowers to train it on.
fn images(precision: Precision) -> (BaseConfig, UnetConfig, TrainingConfig) {
    let count = if on_gpu() { 1024 } else { 64 };
    let size = [16, 16];
    let dataset = Dataset::PaintedFlowers(PaintedFlowers { count, size, ..Default::default() });
    let base = BaseConfig { compute: compute(precision), dataset, dataset_size: count, seed: 3, ..Default::default() };
    let network = UnetConfig {
        image_shape: [3, 16, 16],
        base_channels: 16,
        channel_multipliers: vec![1, 2],
        attention: vec![false, true],
        residual_blocks: 1,
        ..Default::default()
    };
    let batch_size = count / 8;
    let training =
        TrainingConfig { epochs: 3, batch_size, timesteps: 50, validation_samples: 0, ..TrainingConfig::for_images() };
    (base, network, training)
}

struct Run {
    model: Model,
    loader: DataLoader,
    constants: ConstantsManager,
    state: TrainingState,
    losses: Vec<f64>,
}

impl Run {
    fn new(base: &BaseConfig, network: impl Into<NetworkConfig>, training: &TrainingConfig) -> Self {
        let model = get_model(base, network, training).unwrap();
        let loader = get_dataloader(base, training).unwrap();
        let constants = ConstantsManager::new(base, training).unwrap();
        let state = TrainingState::new(&model, base, training).unwrap();
        Self { model, loader, constants, state, losses: Vec::new() }
    }

    /// Trains up to a number of steps.
    fn until(&mut self, steps: u64) -> ddpm_tutor::Result<()> {
        let losses = &mut self.losses;
        while self.state.steps() < steps {
            train_one_epoch(&self.model, &self.loader, &self.constants, &mut self.state, &mut |report| {
                losses.push(report.loss);
                if losses.len() as u64 >= steps {
                    report.stop();
                }
            })?;
        }
        Ok(())
    }

    fn weights(&self) -> Tensor {
        let mut all: Vec<_> = self.model.var_store().variables().into_iter().collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let flat = |(_, weight): (String, Tensor)| weight.detach().to_device(Device::Cpu).reshape([-1]);
        Tensor::cat(&all.into_iter().map(flat).collect::<Vec<_>>(), 0)
    }
}

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
fn where_memory_runs_out_a_batch_that_fits_is_named_and_fits() {
    let _guard = libtorch();
    if !on_gpu() {
        return;
    }
    let base = BaseConfig { compute: compute(Precision::Bf16), ..images(Precision::Bf16).0 };
    let training = TrainingConfig { batch_size: 100_000, validation_samples: 0, ..TrainingConfig::for_images() };
    let data = Tensor::rand([100_000, 3, 32, 32], (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
    let model = get_model(
        &BaseConfig { dataset: Dataset::PaintedFlowers(PaintedFlowers::default()), ..base.clone() },
        UnetConfig::default(),
        &training,
    )
    .unwrap();
    let constants = ConstantsManager::new(&base, &training).unwrap();
    let loader = DataLoader::new(data.shallow_clone(), &base, &training).unwrap();
    let mut state = TrainingState::new(&model, &base, &training).unwrap();
    let started = Instant::now();
    let error = train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).unwrap_err();
    measured("out_of_memory_answer", started.elapsed().as_secs_f64(), "seconds");
    println!("{error}");
    let Error::OutOfMemory { batch_size: 100_000, fits: Some(fits), .. } = error else { panic!("{error}") };
    measured("batch_that_fits", fits as f64, "images");
    drop((loader, state));
    let training = TrainingConfig { batch_size: fits as usize, ..training };
    let loader = DataLoader::new(data.narrow(0, 0, fits), &base, &training).unwrap();
    let mut state = TrainingState::new(&model, &base, &training).unwrap();
    train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).unwrap();
}

#[test]
#[ignore = "needs a GPU: see gpu/README.md"]
fn a_deterministic_sampler_draws_the_same_from_the_same_noise() {
    let _guard = libtorch();
    let (base, network, training) = images(Precision::F32);
    let mut run = Run::new(&base, network.clone(), &training);
    run.until(10).unwrap();
    let here = get_model(&BaseConfig { compute: DeviceChoice::Cpu.into(), ..base }, network, &training).unwrap();
    let from = run.model.var_store().variables();
    no_grad(|| here.var_store().variables().into_iter().for_each(|(name, mut weight)| weight.copy_(&from[&name])));
    let noise = Tensor::randn([6, 3, 16, 16], tch::kind::FLOAT_CPU);
    let draw = |model: &Model| {
        let mut ddim = Ddim { steps: Some(20), ..Default::default() };
        let mut none = InferenceLogger::new(InferType::None).quiet();
        let noise = noise.to_device(model.device());
        run_chain(&mut ddim, &model.denoiser(&run.constants), &run.constants, noise, &mut none).unwrap()
    };
    let distance = relative(&draw(&run.model), &draw(&here));
    measured("ddim_samples", distance, "relative");
    assert!(distance < 1e-3, "{distance}");
}

/// Of data `N(0, 0.04)`, 40 ancestral steps draw samples of 1.0973 times that variance: as
/// tests/exact_samplers.rs has it, here with the random numbers of the device.
#[test]
#[ignore = "needs a GPU: see gpu/README.md"]
fn the_device_s_own_noise_draws_samples_as_wide_as_the_closed_form_says() {
    let _guard = libtorch();
    let there = device().resolve().unwrap();
    let constants = ConstantsManager::from_betas(&CosineSchedule.betas(40).unwrap(), 1, there).unwrap();
    let oracle = GaussianOracle::isotropic(&constants, &Tensor::zeros([1], (Kind::Double, there)), 0.04);
    let draw = |seed| {
        tch::manual_seed(seed);
        let noise = Tensor::randn([400_000, 1], (Kind::Double, there));
        run_chain(
            &mut Ancestral::default(),
            &oracle,
            &constants,
            noise,
            &mut InferenceLogger::new(InferType::None).quiet(),
        )
        .unwrap()
    };
    let samples = draw(1);
    let ratio = samples.var(true).double_value(&[]) / 0.04;
    measured("ancestral_variance", ratio, "of_the_data's");
    // Six standard errors of a variance of so many samples.
    assert!((ratio - 1.0973).abs() < 6.0 * 1.0973 * (2.0_f64 / 400_000.0).sqrt(), "{ratio}");
    assert_eq!(relative(&draw(1), &samples), 0.0, "the same seed");
    assert!(relative(&draw(2), &samples) > 0.5, "another seed");
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

#[test]
#[ignore = "needs a GPU: see gpu/README.md"]
fn a_chain_of_a_thousand_steps_takes_no_more_memory_than_one_of_a_hundred() {
    let _guard = libtorch();
    let (base, network, training) = images(Precision::Auto);
    let training = TrainingConfig { timesteps: if on_gpu() { 1000 } else { 20 }, ..training };
    let model = get_model(&base, network, &training).unwrap();
    let constants = ConstantsManager::new(&base, &training).unwrap();
    let mut free = Vec::new();
    let mut observer = |state: &ChainState| {
        if state.step.is_multiple_of(state.steps / 10) {
            free.extend(free_memory());
        }
        std::ops::ControlFlow::Continue(())
    };
    let _samples = generate_samples(&model, &constants, 16, 0, &mut observer).unwrap();
    if on_gpu() {
        assert_eq!(free.len(), 11);
        measured("memory_of_900_steps", (free[1] as f64 - free[10] as f64) / 1e6, "MB");
        assert!(free[1..].iter().all(|free_now| *free_now == free[1]), "{free:?}");
    }
}

/// A wait of the CPU for the GPU is a time in which nothing is launched.
#[test]
#[ignore = "needs a GPU: see gpu/README.md"]
fn a_step_waits_for_the_gpu_once() {
    let _guard = libtorch();
    let (base, network, training) = images(Precision::Bf16);
    let mut run = Run::new(&base, network, &training);
    run.until(8).unwrap();
    let waits = |run: &mut Run, steps| {
        let before = host_waits();
        let mut last = before;
        let observer = &mut |_: &StepReport| last = host_waits();
        for _ in 0..steps / 8 {
            train_one_epoch(&run.model, &run.loader, &run.constants, &mut run.state, observer).unwrap();
        }
        Some(last? - before?)
    };
    let (one, five) = (waits(&mut run, 8), waits(&mut run, 40));
    match (one, five) {
        (Some(one), Some(five)) => {
            // Without what an epoch takes at its start.
            let epoch = (5.0 * one as f64 - five as f64) / 4.0;
            println!("waits of one epoch of 8 steps: {one}; of five: {five}; {epoch}");
            measured("waits_a_step", five as f64 / 40.0, "waits");
            assert!(five <= 40 + 5 * 8, "{five} in 40 steps of five epochs");
        }
        _ => println!("waits are not counted here: no library that counts them is preloaded"),
    }
}
