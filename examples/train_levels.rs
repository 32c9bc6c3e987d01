//! Trains two U-Nets on painted flowers in 8 grey levels, with Gaussian transitions and with a mask, writes their samples as pictures, and prints the
//! table of docs/levels:
//!
//! ```text
//! cargo run --release --example train_levels                     # docs/levels
//! cargo run --release --example train_levels -- EPOCHS FOLDER    # so many epochs, into another folder
//! ```

use std::error::Error;
use std::f64::consts::LN_2;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use ddpm_tutor::prelude::*;

const EPOCHS: usize = 8;
/// Height and width in pixels, grey levels, and paintings in training.
const SIZE: [i64; 2] = [16, 16];
const LEVELS: i64 = 8;
const PAINTINGS: usize = 4_096;
const HELD_OUT: i64 = 64;
/// Steps of the processes, and samples of each picture.
const STEPS: usize = 100;
const SAMPLES: i64 = 32;
const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let epochs: usize = arguments.next().map_or(Ok(EPOCHS), |text| text.parse())?;
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/levels");
    let folder = arguments.next().map_or_else(own, PathBuf::from);
    fs::create_dir_all(&folder)?;
    let (base, training) = settings(epochs);
    let paintings = get_dataloader(&base, &training)?;
    let all = to_levels(&paintings.first(PAINTINGS as i64 + HELD_OUT), LEVELS)?;
    let (held_out, train) = (all.narrow(0, 0, HELD_OUT), all.narrow(0, HELD_OUT, PAINTINGS as i64));
    visualize(&held_out.narrow(0, 0, SAMPLES))?.save(folder.join("paintings.png"))?;

    println!("| model | bits per pixel of paintings held out | training |\n|---|---|---|");
    println!("| uniform levels | {:.3} | |", (LEVELS as f64).log2());
    println!("| frequencies of the levels | {:.3} | |", bits_of(&frequencies(&train, &[0, 1]), &held_out));
    println!("| frequencies at each pixel | {:.3} | |", bits_of(&frequencies(&train, &[0]), &held_out));
    for transition in [TransitionConfig::from(GaussianTransition::default()), AbsorbingTransition::default().into()] {
        let name = transition.name();
        let process = TokenProcess::new(transition, LEVELS, STEPS)?;
        let (network, seconds) = trained(&process, &train, &base, &training)?;
        let predictor = NetworkPredictor::new(&network, &process)?;
        tch::manual_seed(SEED as i64);
        let bits = estimate_bound(&process, &predictor, &held_out)?.per_token() / LN_2;
        println!("| {name} | at most {bits:.3} | {seconds:.0} s |");
        let nothing = &mut |_: &TokenState| ControlFlow::Continue(());
        let samples =
            generate_tokens(&TokenAncestral::new(&process), &predictor, SAMPLES, SIZE[0] * SIZE[1], SEED, nothing)?;
        visualize(&samples)?.save(folder.join(format!("{name}.png")))?;
    }
    Ok(())
}

fn settings(epochs: usize) -> (BaseConfig, TrainingConfig) {
    let dataset = PaintedFlowers { size: SIZE, count: PAINTINGS + HELD_OUT as usize, flips: false, channels: 1 };
    let compute = DeviceChoice::Cpu.into();
    let base = BaseConfig { dataset: dataset.into(), seed: SEED, compute, ..Default::default() };
    let training = TrainingConfig {
        epochs,
        batch_size: 32,
        learning_rate: 1e-3,
        warmup_steps: 50,
        ema_decay: 0.995,
        validation_samples: 0,
        ..Default::default()
    };
    (base, training)
}

/// A picture of levels, `[N, H W]`.
fn visualize(levels: &Tensor) -> Result<Picture, ddpm_tutor::Error> {
    visualize_images(&from_levels(levels, LEVELS, SIZE)?, 16)
}

/// How often each level occurs, over these dimensions of the levels; one count each on top.
fn frequencies(levels: &Tensor, over: &[i64]) -> Tensor {
    let counts: Tensor = levels.onehot(LEVELS).to_kind(Kind::Double).sum_dim_intlist(over, true, Kind::Double) + 1.0;
    &counts / counts.sum_dim_intlist([-1].as_slice(), true, Kind::Double)
}

/// `- log2 p`, per pixel.
fn bits_of(probabilities: &Tensor, levels: &Tensor) -> f64 {
    let log = probabilities.log2().expand([levels.size()[0], levels.size()[1], LEVELS], false);
    -log.gather(-1, &levels.unsqueeze(-1), false).mean(Kind::Double).double_value(&[])
}

/// A trained network, and how many seconds that took.
fn trained(
    process: &TokenProcess,
    levels: &Tensor,
    base: &BaseConfig,
    training: &TrainingConfig,
) -> Result<(TokenUnet, f64), Box<dyn Error>> {
    tch::manual_seed(SEED as i64);
    let network = TokenUnet::new(&UnetConfig::small(), LEVELS, process.mask().is_some(), SIZE, Device::Cpu)?;
    let loader = DataLoader::new(levels.to_kind(Kind::Float), base, training)?;
    let learner = TokenLearner::new(&network, process)?;
    let mut state = TrainingState::of_learner(&learner, base, training)?;
    let start = Instant::now();
    while state.epoch() < training.epochs {
        let loss = train_one_epoch_of(&learner, &loader, &mut state, &mut |_| {})?;
        eprintln!("{} steps, {:.0} s: {loss}", state.steps(), start.elapsed().as_secs_f64());
    }
    let seconds = start.elapsed().as_secs_f64();
    state.keep_averaged_weights()?;
    Ok((network, seconds))
}
