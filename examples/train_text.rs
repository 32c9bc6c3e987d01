//! Trains the character models that come with the project, with a mask and with uniform transitions, and prints the table of their README:
//!
//! ```text
//! cargo run --release --example train_text                           # models/Austen
//! cargo run --release --example train_text -- EPOCHS FOLDER [MODEL]  # so many epochs, into another folder; MODEL: absorbing or uniform
//! ```

use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use ddpm_tutor::prelude::*;

/// Epochs, characters of a piece of text in training, and how far apart the pieces begin.
const EPOCHS: usize = 10;
const TRAINED: i64 = 64;
const STRIDE: i64 = 32;
/// Steps of the processes, samples of the table, and their characters.
const STEPS: usize = 128;
const SAMPLES: i64 = 32;
const SAMPLED: i64 = 128;
/// Pieces of the rest of the text on which the bound is measured.
const HELD_OUT: i64 = 96;
const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    // A second thread gains nothing for networks of this size, and loses much on a busy machine.
    tch::set_num_threads(1);
    let mut arguments = std::env::args().skip(1);
    let epochs: usize = arguments.next().map_or(Ok(EPOCHS), |text| text.parse())?;
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/Austen");
    let folder = arguments.next().map_or_else(own, PathBuf::from);
    let only = arguments.next();
    fs::create_dir_all(&folder)?;
    let text = Text::austen();
    let (train, test) = text.split(0.9)?;
    println!("| model | words that the text has | nats per character of the rest | training |\n|---|---|---|---|");
    for (n, name) in [(0, "random characters"), (1, "frequencies of the characters"), (2, "bigrams"), (3, "trigrams")] {
        let model = NGram::new(&train, n)?;
        let words = 100.0 * text.share_of_words(&model.sample(SAMPLES as usize, SAMPLED as usize, SEED));
        println!("| {name} | {words:.0} % | {:.3} | |", model.nats_per_character(&test)?);
    }
    let held_out = test.pieces(TRAINED, TRAINED)?.narrow(0, 0, HELD_OUT);
    for name in ["absorbing", "uniform"].into_iter().filter(|name| only.as_deref().is_none_or(|only| only == *name)) {
        let process = TokenProcess::new(TransitionConfig::from_name(name)?, Text::SYMBOLS, STEPS)?;
        let (network, seconds) = trained(&process, &train, epochs)?;
        network.save(folder.join(format!("{name}.safetensors")))?;
        let predictor = NetworkPredictor::new(&network, &process)?;
        tch::manual_seed(SEED as i64);
        let nats = estimate_bound(&process, &predictor, &held_out)?.per_token();
        let draw = |sampler: &dyn TokenSampler| -> Result<(f64, Vec<String>), Box<dyn Error>> {
            let nothing = &mut |_: &TokenState| ControlFlow::Continue(());
            let samples = Text::decode(&generate_tokens(sampler, &predictor, SAMPLES, SAMPLED, SEED, nothing)?)?;
            Ok((100.0 * text.share_of_words(&samples), samples))
        };
        let (words, samples) = draw(&TokenAncestral::new(&process))?;
        println!("| {name}, {STEPS} steps | {words:.0} % | at most {nats:.3} | {seconds:.0} s |");
        if process.mask().is_some() {
            let (words, _) = draw(&AnyOrder::new(&process, RevealOrder::Random)?)?;
            println!("| {name}, one character after the other | {words:.0} % | | |");
        }
        samples[..4].iter().for_each(|sample| eprintln!("{name}: {sample}"));
    }
    Ok(())
}

/// A trained network, and how many seconds that took.
fn trained(process: &TokenProcess, text: &Text, epochs: usize) -> Result<(TokenConv, f64), Box<dyn Error>> {
    tch::manual_seed(SEED as i64);
    let network = TokenConv::new(&TokenConvConfig::for_text(process.states()), Device::Cpu)?;
    let base = BaseConfig { compute: DeviceChoice::Cpu.into(), seed: SEED, ..Default::default() };
    let training = TrainingConfig {
        epochs,
        batch_size: 16,
        learning_rate: 2e-3,
        warmup_steps: 50,
        ema_decay: 0.99,
        ..Default::default()
    };
    let loader = DataLoader::new(text.pieces(TRAINED, STRIDE)?.to_kind(Kind::Float), &base, &training)?;
    let learner = TokenLearner::new(&network, process)?;
    let mut state = TrainingState::of_learner(&learner, &base, &training)?;
    let start = Instant::now();
    while state.epoch() < epochs {
        let loss = train_one_epoch_of(&learner, &loader, &mut state, &mut |_| {})?;
        eprintln!("{} steps, {:.0} s: {loss}", state.steps(), start.elapsed().as_secs_f64());
    }
    let seconds = start.elapsed().as_secs_f64();
    state.keep_averaged_weights()?;
    Ok((network, seconds))
}
