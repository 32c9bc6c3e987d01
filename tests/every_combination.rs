//! Every parameterization on every process: a small network learns two clouds, up to twice the error of the perfect
//! denoiser after a few seconds.

mod common;

use common::libtorch;
use ddpm_tutor::prelude::*;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

/// Two clouds of standard deviation 0.1, at x = -0.6 and x = 0.6.
fn clouds(n: i64) -> Tensor {
    let side = Tensor::arange(n, FLOAT).remainder(2.0) * 1.2 - 0.6;
    Tensor::randn([n, 2], FLOAT) * 0.1 + Tensor::stack(&[&side, &side.zeros_like()], 1)
}

fn training(process: &str, parameterization: &str) -> TrainingConfig {
    let process = match process {
        // The times of training are its steps, as in most models.
        "discrete" => None,
        name => Some(ProcessConfig::from_name(name).unwrap()),
    };
    TrainingConfig {
        timesteps: 100,
        process,
        parameterization: ParameterizationConfig::from_name(parameterization).unwrap(),
        objective: Weighted { timesteps: timesteps::LogNormal { mean: -1.2, std: 1.6 }.into(), ..Default::default() }
            .into(),
        epochs: 24,
        batch_size: 128,
        learning_rate: 4e-3,
        ema_decay: 0.98,
        ..Default::default()
    }
}

/// The mean squared error of the noise that a denoiser sees, over levels with more and with less noise than signal.
fn error(denoiser: &dyn Denoiser, process: &dyn Process, x0: &Tensor) -> f64 {
    let log_snrs = [6.0, 4.0, 2.0, 0.0, -2.0];
    let total: f64 = log_snrs
        .iter()
        .map(|log_snr| {
            let t = process.time_of_log_snr(*log_snr);
            let t = if process.steps().is_some() { t.round() } else { t };
            tch::manual_seed(7);
            let eps = x0.randn_like();
            let each = Tensor::full([x0.size()[0]], t, (Kind::Double, Device::Cpu));
            let x_t = add_noise(process, x0, &each, &eps).unwrap();
            (denoiser.denoise(&x_t, t).unwrap().eps - eps).square().mean(Kind::Double).double_value(&[])
        })
        .sum();
    total / log_snrs.len() as f64
}

#[test]
fn every_parameterization_learns_on_every_process() {
    let _guard = libtorch();
    let base = BaseConfig { compute: DeviceChoice::Cpu.into(), seed: 3, ..Default::default() };
    let means = Tensor::from_slice(&[-0.6, 0.0, 0.6, 0.0]).view([2, 2]);
    let network = FnnConfig { hidden_widths: vec![64, 64], ..Default::default() };
    for entry in ProcessConfig::ENTRIES {
        for parameterization in ParameterizationConfig::ENTRIES {
            let name = format!("{} on {}", parameterization.name, entry.name);
            let training = training(entry.name, parameterization.name);
            tch::manual_seed(1);
            let (points, unseen) = (clouds(2_048), clouds(2_000));
            let loader = DataLoader::new(points.shallow_clone(), &base, &training).unwrap();
            let model = get_model(&base, network.clone(), &training).unwrap();
            let process = get_process(&base, &training).unwrap();
            let oracle = MixtureOracle::of_gaussians(&*process, &means, &[0.01, 0.01], &[1.0, 1.0]).unwrap();
            let best = error(&oracle, &*process, &unseen);
            let before = error(&model.denoiser(&*process), &*process, &unseen);
            let mut state = TrainingState::new(&model, &base, &training).unwrap();
            while state.epoch() < training.epochs {
                train_one_epoch(&model, &loader, &*process, &mut state, &mut |_| {}).unwrap();
            }
            let learned = || Ok(error(&model.denoiser(&*process), &*process, &unseen));
            let after = state.with_averaged_weights(learned).unwrap();
            println!("{name}: {before:.3} before, {after:.4} after, {best:.4} at best");
            assert!(after < 2.0 * best, "{name}: {before:.3} before, {after:.4} after, {best:.4} at best");
        }
    }
}
