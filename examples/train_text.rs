//! Trains the character models that come with the project, with a mask and with uniform transitions, and prints the table of their README:
//!
//! ```text
//! cargo run --release --example train_text               # models/Austen, 4 minutes each on two cores
//! cargo run --release --example train_text -- 20 FOLDER  # so many seconds each, into another folder
//! ```

use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use ddpm_tutor::prelude::*;

/// Characters of a sample, in training and when sampling; steps of the processes; samples of the table.
const TRAINED: i64 = 64;
const SAMPLED: i64 = 128;
const STEPS: usize = 128;
const SAMPLES: i64 = 64;
const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds: f64 = arguments.next().map_or(Ok(240.0), |text| text.parse())?;
    let folder =
        arguments.next().map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/Austen"), PathBuf::from);
    fs::create_dir_all(&folder)?;
    let text = Text::austen();
    let (train, test) = text.split(0.9)?;
    println!(
        "| model | words that the text has | nats per character of the last tenth | seconds of training |\n|---|---|---|---|"
    );
    for (n, name) in [
        (0, "random characters"),
        (1, "frequencies of the characters"),
        (2, "bigrams"),
        (3, "trigrams"),
        (4, "4-grams"),
    ] {
        let model = NGram::new(&train, n)?;
        let words = 100.0 * text.share_of_words(&model.sample(SAMPLES as usize, SAMPLED as usize, SEED));
        println!("| {name} | {words:.0} % | {:.3} | |", model.nats_per_character(&test)?);
    }
    let held_out = test.pieces(TRAINED, TRAINED)?;
    for transition in [TransitionConfig::from(AbsorbingTransition::default()), UniformTransition::default().into()] {
        let process = TokenProcess::new(transition.clone(), Text::SYMBOLS, STEPS)?;
        let (network, took) = trained(&process, &train, seconds)?;
        network.save(&folder.join(format!("{}.safetensors", transition.name())))?;
        let predictor = NetworkPredictor::new(&network, &process)?;
        tch::manual_seed(SEED as i64);
        let nats = estimate_bound(&process, &predictor, &held_out)?.per_token();
        let sampler = TokenAncestral::new(&process);
        let nothing = &mut |_: &TokenState| ControlFlow::Continue(());
        let tokens = generate_tokens(&sampler, &predictor, SAMPLES, SAMPLED, SEED, nothing)?;
        let samples = Text::decode(&tokens)?;
        let words = 100.0 * text.share_of_words(&samples);
        println!("| {}, {STEPS} steps | {words:.0} % | at most {nats:.3} | {took:.0} |", transition.name());
        if process.mask().is_some() {
            let sampler = AnyOrder::new(&process, RevealOrder::Random)?;
            let tokens = generate_tokens(&sampler, &predictor, SAMPLES, SAMPLED, SEED, nothing)?;
            let words = 100.0 * text.share_of_words(&Text::decode(&tokens)?);
            println!("| {}, one character after the other | {words:.0} % | | |", transition.name());
        }
        samples[..4].iter().for_each(|sample| eprintln!("{}: {sample}", transition.name()));
    }
    Ok(())
}

/// A network that is trained for so many seconds, and how long it took.
fn trained(process: &TokenProcess, text: &Text, seconds: f64) -> Result<(TokenConv, f64), Box<dyn Error>> {
    tch::manual_seed(SEED as i64);
    let network = TokenConv::new(&TokenConvConfig::for_text(process.states()), Device::Cpu)?;
    let base = BaseConfig { compute: DeviceChoice::Cpu.into(), seed: SEED, ..Default::default() };
    // Constant: the time decides where the training ends. The average of the weights does what a falling rate would.
    let training = TrainingConfig {
        epochs: 1_000,
        batch_size: 64,
        learning_rate: 2e-3,
        warmup_steps: 50,
        learning_rate_schedule: LearningRateSchedule::Constant,
        ema_decay: 0.99,
        ..Default::default()
    };
    let loader = DataLoader::new(text.pieces(TRAINED, 16)?.to_kind(Kind::Float), &base, &training)?;
    let learner = TokenLearner::new(&network, process)?;
    let mut state = TrainingState::of_learner(&learner, &base, &training)?;
    let start = Instant::now();
    while !state.is_stopped() {
        let loss = train_one_epoch_of(&learner, &loader, &mut state, &mut |report| {
            if start.elapsed().as_secs_f64() > seconds {
                report.stop();
            }
        })?;
        eprintln!("{} steps, {:.0} s: {loss}", state.steps(), start.elapsed().as_secs_f64());
    }
    let took = start.elapsed().as_secs_f64();
    state.keep_averaged_weights()?;
    Ok((network, took))
}
