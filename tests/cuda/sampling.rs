//! Sampling and likelihood on a GPU.

use ddpm_tutor::prelude::*;
use tch::no_grad;

use crate::common::libtorch;
use crate::run::{Run, device, images, measured, relative};

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

/// Every sampler of the catalogue, and the bound, on data that is known: the same numbers as on the CPU if no fresh noise is drawn, and finite ones
/// otherwise.
#[test]
#[ignore = "needs a GPU: see gpu/README.md"]
fn every_sampler_and_the_bound_run_on_the_device() {
    let _guard = libtorch();
    let there = device().resolve().unwrap();
    let noise = Tensor::randn([64, 2], (Kind::Double, Device::Cpu));
    let vp = Vp::default();
    for entry in SamplerConfig::ENTRIES {
        let config = SamplerConfig::from_name(entry.name).unwrap();
        let config = config.with_setting("steps", 8.into()).unwrap().with_setting("layout", "log-snr".into()).unwrap();
        let draw = |device: Device| {
            let oracle = GaussianOracle::isotropic(&vp, &Tensor::zeros([2], (Kind::Double, device)), 0.25);
            let none = &mut InferenceLogger::new(InferType::None).quiet();
            run_chain(&mut *config.sampler(), &oracle, &vp, noise.to_device(device), none).unwrap()
        };
        let samples = draw(there);
        assert!(samples.device() == there && samples.isfinite().all().int64_value(&[]) == 1, "{}", entry.name);
        if config.is_deterministic() {
            let distance = relative(&samples, &draw(Device::Cpu));
            assert!(distance < 1e-6, "{}: {distance}", entry.name);
        }
    }
    let bound = |device: Device| {
        let x0 = noise.to_device(device) * 0.5;
        let oracle = GaussianOracle::isotropic(&vp, &Tensor::zeros([2], (Kind::Double, device)), 0.25);
        let bound = Bound { steps: Some(20), layout: LogSnr.into(), variance: ReverseVariance::Analytic };
        Likelihood::of(bound.terms(&oracle, &vp, &x0, 1).unwrap(), &x0).unwrap().nats()
    };
    assert!((bound(there) - bound(Device::Cpu)).abs() < 1e-6);
}
