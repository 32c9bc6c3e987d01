//! Does noise with heavy tails keep rare classes better? Draws samples of two clusters with weights of 0.98 and 0.02, with Gaussian and with
//! generalized normal noise, from the exact denoiser and from a trained network, and prints how many are in the rare cluster.
//!
//! The answer here is no. With the exact denoiser, the share without fresh noise is 2 %, whatever the tails; with fresh noise of `beta` = 0.7, it is 2.5 to
//! 2.8 %, a bias of the sampler, since the step back is not a mean plus such noise. With the network, heavy tails leave more samples between the
//! clusters.
//!
//! `cargo run --release --example heavy_tails`

use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;

/// The centres of the clusters, and the standard deviation of both.
const CENTRES: [[f32; 2]; 2] = [[-0.5, -0.2], [0.6, 0.5]];
const WIDTH: f64 = 0.05;
const RARE: f64 = 0.02;
const SAMPLES: i64 = 5_000;

/// Points of both clusters.
fn clusters(n: i64) -> Tensor {
    let rare = (n as f64 * RARE) as i64;
    let of =
        |k: usize, n: i64| Tensor::from_slice(&CENTRES[k]) + WIDTH * Tensor::randn([n, 2], (Kind::Float, Device::Cpu));
    Tensor::cat(&[of(0, n - rare), of(1, rare)], 0)
}

/// The share of samples in the rare cluster, and in neither, in percent: within five standard deviations.
fn shares(samples: &Tensor) -> [f64; 2] {
    let within = |k: usize| {
        let distance: Tensor =
            (samples - Tensor::from_slice(&CENTRES[k])).square().sum_dim_intlist([1].as_slice(), false, Kind::Float);
        distance.lt((5.0 * WIDTH).powi(2))
    };
    let percent = |of: &Tensor| 100.0 * of.to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
    [percent(&within(1)), percent(&within(0).logical_or(&within(1)).logical_not())]
}

/// The exact denoiser of these points under generalized normal noise: no network, and nothing to learn.
struct Exact<'a> {
    process: &'a dyn Process,
    points: Tensor,
    noise: GeneralizedNormal,
}

impl Denoiser for Exact<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        let level = Level::at(self.process, t, x_t)?;
        let eps: Tensor = (x_t.unsqueeze(1) - self.process.signal(t) * &self.points) / self.process.noise(t);
        let log_density: Tensor = -(eps.abs() / self.noise.scale()).pow_tensor_scalar(self.noise.beta);
        let weights = log_density.sum_dim_intlist([-1].as_slice(), false, Kind::Double).softmax(-1, Kind::Double);
        Ok(Denoised::from_x0(weights.matmul(&self.points), x_t, &level))
    }
}

/// The samplers: with fresh noise, and without.
fn samplers() -> [SamplerConfig; 2] {
    [SamplerConfig::default(), Ddim::default().into()]
}

fn noise_of(beta: f64) -> NoiseConfig {
    if beta == 2.0 { NoiseConfig::default() } else { GeneralizedNormal { beta }.into() }
}

fn training(beta: f64) -> TrainingConfig {
    TrainingConfig { noise: noise_of(beta), epochs: 200, batch_size: 512, timesteps: 50, ..Default::default() }
}

fn row(beta: f64, of: &str, [ancestral, ddim]: [[f64; 2]; 2]) {
    let shown = |[rare, neither]: [f64; 2]| format!("{rare:5.2} {neither:8.2}");
    println!("{beta:<5} {of:<12} {:>16} {:>16}", shown(ancestral), shown(ddim));
}

fn main() -> Result<()> {
    println!("{:<5} {:<12} {:>16} {:>16}", "beta", "denoiser", "ancestral", "ddim");
    println!("{:<5} {:<12} {:>16} {:>16}", "", "", "rare % neither %", "rare % neither %");
    let base = |seed: u64| BaseConfig { seed, compute: DeviceChoice::Cpu.into(), ..Default::default() };
    for beta in [2.0, 1.5, 1.0, 0.7] {
        let process = get_process(&base(0), &training(beta))?;
        tch::manual_seed(1);
        let exact = Exact {
            process: &*process,
            points: clusters(200).to_kind(Kind::Double),
            noise: GeneralizedNormal { beta },
        };
        let draw = |sampler: SamplerConfig| -> Result<[f64; 2]> {
            let noise = draw_noise_of(&[2], Device::Cpu, &*process, SAMPLES, 7)?.to_kind(Kind::Double);
            let quiet = &mut InferenceLogger::new(InferType::None);
            Ok(shares(&run_chain(&mut *sampler.sampler(), &exact, &*process, noise, quiet)?))
        };
        let [ancestral, ddim] = samplers().map(draw);
        row(beta, "exact", [ancestral?, ddim?]);
    }
    for (beta, seed) in [(2.0, 0), (2.0, 1), (1.0, 0), (1.0, 1)] {
        tch::manual_seed(seed);
        let (base, training) = (base(seed as u64), training(beta));
        let loader = DataLoader::new(clusters(10_000), &base, &training)?;
        let network = FnnConfig { hidden_widths: vec![64, 64, 64], ..Default::default() };
        let (model, process) = (get_model(&base, network, &training)?, get_process(&base, &training)?);
        let mut state = TrainingState::new(&model, &base, &training)?;
        while state.epoch() < training.epochs {
            train_one_epoch(&model, &loader, &*process, &mut state, &mut |_| ())?;
        }
        let draw = |sampler: SamplerConfig| {
            let quiet = &mut InferenceLogger::new(InferType::None);
            let draw = || generate_samples_with(&mut *sampler.sampler(), &model, &*process, SAMPLES, 7, quiet);
            state.with_averaged_weights(draw).map(|samples| shares(&samples))
        };
        let [ancestral, ddim] = samplers().map(draw);
        row(beta, &format!("network {seed}"), [ancestral?, ddim?]);
    }
    Ok(())
}
