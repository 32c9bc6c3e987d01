//! Memory on a GPU, and how often the CPU waits for it.

use std::time::Instant;

use ddpm_tutor::prelude::*;

use crate::common::libtorch;
use crate::cuda_driver::{free_memory, host_waits};
use crate::run::{Run, compute, images, measured, on_gpu};

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
