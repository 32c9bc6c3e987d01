//! How straight are the paths? Trains flows on the Swiss roll, and prints the quality of their samples for few steps: flow matching, with minibatch
//! optimal transport, and after reflow; beside them the exact velocity of the roll's points. At the end, a flow from moons to the roll.
//!
//! The distances are sliced 2-Wasserstein distances divided by that of two sets of data; then the distance from the curve within which 95 % of the
//! samples are.
//!
//! `cargo run --release --example flows`; with a number such as 0.1, that share of the training.

use std::ops::ControlFlow;
use std::time::Instant;

use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;
use tch::nn::Module;

/// Points to train on, and samples to compare.
const POINTS: usize = 100_000;
const SAMPLES: i64 = 10_000;
const PAIRS: i64 = 50_000;

/// The FNN with SiLU in place of ReLU: a velocity is smooth.
#[derive(Debug)]
struct SmoothFnn {
    vs: nn::VarStore,
    time_embedding: TimeEmbedding,
    layers: Vec<nn::Linear>,
}

impl SmoothFnn {
    fn new(seed: i64) -> Self {
        const WIDTHS: [i64; 5] = [2 + 16, 128, 128, 128, 2];
        tch::manual_seed(seed);
        let vs = nn::VarStore::new(Device::Cpu);
        let layer = |(i, pair): (usize, &[i64])| {
            let bound = 1.0 / (pair[0] as f64).sqrt();
            let ws_init = nn::Init::Uniform { lo: -bound, up: bound };
            let config = nn::LinearConfig { ws_init, ..Default::default() };
            nn::linear(vs.root() / format!("fc{}", i + 1), pair[0], pair[1], config)
        };
        let layers = WIDTHS.windows(2).enumerate().map(layer).collect();
        Self { time_embedding: TimeEmbedding::new(16, Device::Cpu), layers, vs }
    }
}

impl Network for SmoothFnn {
    fn forward(&self, x_t: &Tensor, t: &Tensor, _given: &Given) -> Tensor {
        let mut h = Tensor::cat(&[x_t, &self.time_embedding.forward(t)], 1);
        for (i, layer) in self.layers.iter().enumerate() {
            h = layer.forward(&if i > 0 { h.silu() } else { h });
        }
        h
    }

    fn sample_shape(&self) -> Vec<i64> {
        vec![2]
    }

    fn var_store(&self) -> &nn::VarStore {
        &self.vs
    }
}

fn smooth(seed: i64) -> Model {
    Model::new(SmoothFnn::new(seed)).with_parameterization(Box::new(Velocity))
}

/// The settings of a training of so many steps.
fn training(steps: usize, points: usize, batch_size: usize) -> TrainingConfig {
    TrainingConfig {
        process: Some(Flow.into()),
        parameterization: Velocity.into(),
        epochs: (steps * batch_size).div_ceil(points).max(1),
        batch_size,
        ..Default::default()
    }
}

fn built(objective: FlowMatching) -> Box<dyn Objective> {
    ObjectiveConfig::from(objective).build()
}

/// Trains, and leaves the averaged weights in the network. Returns the seconds.
fn train_with(learner: &dyn Learner, data: &DataLoader, base: &BaseConfig, training: &TrainingConfig) -> Result<f64> {
    let started = Instant::now();
    let mut state = TrainingState::of_learner(learner, base, training)?;
    while state.epoch() < training.epochs {
        train_one_epoch_of(learner, data, &mut state, &mut |_| ())?;
    }
    state.keep_averaged_weights()?;
    Ok(started.elapsed().as_secs_f64())
}

fn euler(steps: usize) -> SamplerConfig {
    Ddim { steps: Some(steps), layout: Trailing.into(), ..Default::default() }.into()
}

fn heun(steps: usize) -> SamplerConfig {
    Heun { steps: Some(steps), layout: Trailing.into() }.into()
}

/// Nobody looks at the chains.
fn unseen(_: &ChainState) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// What samples are compared with.
struct Roll {
    data: Tensor,
    curve: Vec<[f64; 2]>,
    floor: f64,
}

impl Roll {
    fn new() -> Result<Self> {
        let set = Dataset::default();
        let draw = |seed: u64| -> Result<Tensor> {
            let points = set.sample(SAMPLES as usize, seed)?;
            Ok(Tensor::from_slice(&points.iter().copied().collect::<Vec<f32>>()).view([SAMPLES, 2]))
        };
        let (data, other) = (draw(901)?, draw(902)?);
        let curve = set.points()?.curve(4_000).unwrap_or_default();
        Ok(Self { floor: sliced_wasserstein(&data, &other, 1)?, data, curve })
    }

    fn report(&self, what: &str, calls: u64, samples: &Tensor) -> Result<()> {
        let samples = samples.to_kind(Kind::Float);
        let distance = sliced_wasserstein(&samples, &self.data, 1)? / self.floor;
        let from_curve = distances_to_curve(&samples, &self.curve)?;
        println!("{what:<44} {calls:>5} {distance:>9.2} {:>9.3}", from_curve[from_curve.len() * 95 / 100]);
        Ok(())
    }

    fn sample(&self, what: &str, sampler: &SamplerConfig, denoiser: &dyn Denoiser, start: &Tensor) -> Result<()> {
        let counted = Counted::new(denoiser);
        let samples = run_chain(&mut *sampler.sampler(), &counted, &Flow, start.shallow_clone(), &mut unseen)?;
        self.report(what, counted.calls(), &samples)
    }
}

/// The Spearman correlation of two orders.
fn order_correlation(a: &Tensor, b: &Tensor) -> f64 {
    let ranks = |x: &Tensor| x.argsort(0, false).argsort(0, false).to_kind(Kind::Double);
    Tensor::stack(&[ranks(a), ranks(b)], 0).corrcoef().double_value(&[0, 1])
}

/// The points of a curve, `[N, 2]`.
fn as_tensor(curve: &[[f64; 2]]) -> Tensor {
    Tensor::from_slice(&curve.iter().flatten().map(|x| *x as f32).collect::<Vec<f32>>()).view([-1, 2])
}

/// The place of the nearest point of a curve.
fn place(samples: &Tensor, curve: &[[f64; 2]]) -> Tensor {
    Tensor::cdist(samples, &as_tensor(curve), 2.0, None).argmin(1, false)
}

fn main() -> Result<()> {
    let share: f64 = std::env::args().nth(1).and_then(|share| share.parse().ok()).unwrap_or(1.0);
    let steps = |of: usize| ((of as f64 * share) as usize).max(1);
    let base = BaseConfig { dataset_size: POINTS, compute: DeviceChoice::Cpu.into(), ..Default::default() };
    let (roll, noise) = (Roll::new()?, draw_noise_of(&[2], Device::Cpu, &Flow, SAMPLES, 7)?);
    println!("{:<44} {:>5} {:>9} {:>9}", "", "calls", "distance", "95 %");

    let known =
        get_dataloader(&BaseConfig { dataset_size: 2000, ..base.clone() }, &training(1, 2000, 500))?.first(2000);
    let exact = MixtureOracle::of_points(&Flow, &known)?;
    for k in [8, 16, 100] {
        roll.sample(&format!("exact velocity of the roll, Euler {k}"), &euler(k), &exact, &noise)?;
    }

    let of = training(steps(19_600), POINTS, 512);
    let (model, data) = (smooth(1), get_dataloader(&base, &of)?);
    let seconds = train_with(&ModelLearner::new(&model, &Flow, built(FlowMatching::default())), &data, &base, &of)?;
    println!("flow matching: {seconds:.0} s");
    let denoiser = model.denoiser(&Flow);
    for (what, sampler) in [("Heun 9", heun(9)), ("Euler 8", euler(8)), ("Euler 50", euler(50))] {
        roll.sample(&format!("flow matching, {what}"), &sampler, &denoiser, &noise)?;
    }

    let coupled = FlowMatching { coupling: OptimalTransport.into(), ..Default::default() };
    let of = training(steps(6_000), POINTS, 256);
    let straight = smooth(2);
    let data = get_dataloader(&base, &of)?;
    let seconds = train_with(&ModelLearner::new(&straight, &Flow, built(coupled.clone())), &data, &base, &of)?;
    println!("optimal transport: {seconds:.0} s");
    let of_straight = straight.denoiser(&Flow);
    for k in [8, 2] {
        roll.sample(&format!("optimal transport, Euler {k}"), &euler(k), &of_straight, &noise)?;
    }

    let started = Instant::now();
    let x_t = draw_noise_of(&[2], Device::Cpu, &Flow, PAIRS, 8)?;
    let pairs = reflow_pairs(&heun(25), &denoiser, &Flow, x_t, &mut unseen)?;
    println!("pairs: {:.0} s", started.elapsed().as_secs_f64());
    let of = training(steps(10_000), PAIRS as usize, 512);
    // The same network, trained further.
    let data = DataLoader::new(pairs, &base, &of)?;
    let seconds = train_with(&PairLearner::new(&model, &Flow, FlowMatching::default()), &data, &base, &of)?;
    println!("reflow: {seconds:.0} s");
    for k in [2, 1] {
        roll.sample(&format!("after reflow, Euler {k}"), &euler(k), &denoiser, &noise)?;
    }

    let of = TrainingConfig { noise: DataNoise::of(Moons::default()).into(), ..training(steps(6_000), POINTS, 256) };
    let (bridge, data, process) = (smooth(3), get_dataloader(&base, &of)?, get_process(&base, &of)?);
    let seconds = train_with(&ModelLearner::new(&bridge, &*process, built(coupled)), &data, &base, &of)?;
    println!("moons to roll: {seconds:.0} s");
    let moons = draw_noise_of(&[2], Device::Cpu, &*process, SAMPLES, 9)?;
    let mut sampler = heun(9).sampler();
    let samples = run_chain(&mut *sampler, &bridge.denoiser(&*process), &*process, moons.shallow_clone(), &mut unseen)?;
    roll.report("moons to roll, Heun 9", 16, &samples)?;
    let of_moons = Moons::default().curve(2_000).unwrap_or_default();
    // Each moon by itself: its part of the curve of moons, and where it ends on the roll.
    let (from, to) = (place(&moons, &of_moons), place(&samples, &roll.curve));
    for (name, moon) in [("upper", from.lt(1_000)), ("lower", from.ge(1_000))] {
        let rows = moon.nonzero().flatten(0, -1);
        let order = order_correlation(&from.index_select(0, &rows), &to.index_select(0, &rows));
        println!("order along the {name} moon and along the roll: correlation {order:.2}");
    }
    Ok(())
}
