//! The Rust side of `cargo xtask bench`: reads commands, answers each with seconds, so that the two sides can take turns.
//!
//! ```text
//! train STEPS        so many training steps on batches of 512, as `train_one_epoch` does them
//! sample N T TIMES   draws N points in T steps, so many times
//! about              the number of threads in a training step
//! ```
//! `benches/pytorch_worker.py` is its counterpart.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::error::Error;
use std::hint::black_box;
use std::io::BufRead;
use std::time::Instant;

use ddpm_tutor::prelude::*;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A training that goes on: one epoch holds the steps of one command.
struct Training {
    model: Box<dyn Denoiser>,
    dataloader: DataLoader,
    constants: ConstantsManager,
    state: TrainingState,
}

impl Training {
    fn new(steps: usize) -> Outcome<Self> {
        let training = TrainingConfig::default();
        let base =
            BaseConfig { device: DeviceChoice::Cpu, dataset_size: steps * training.batch_size, ..Default::default() };
        let model = get_model(&base, &FnnConfig::default().into())?;
        let dataloader = get_dataloader(&base, &training)?;
        let constants = ConstantsManager::new(&base, &training)?;
        let state = TrainingState::new(&model, &base, &training)?;
        Ok(Self { model, dataloader, constants, state })
    }

    fn seconds(&mut self) -> Outcome<f64> {
        let started = Instant::now();
        self.epoch(&mut |report| {
            black_box(report.loss);
        })?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// The crate chooses them by the network: they are asked for while it trains.
    fn threads(&mut self) -> Outcome<i32> {
        let mut threads = 0;
        self.epoch(&mut |_| threads = tch::get_num_threads())?;
        Ok(threads)
    }

    fn epoch(&mut self, observer: &mut dyn FnMut(&StepReport)) -> Outcome<()> {
        train_one_epoch(&self.model, &self.dataloader, &self.constants, &mut self.state, observer)?;
        Ok(())
    }
}

fn sampling_seconds(n: i64, timesteps: usize, times: u64) -> Outcome<f64> {
    let base = BaseConfig { device: DeviceChoice::Cpu, ..Default::default() };
    let model = get_model(&base, &FnnConfig::default().into())?;
    let constants = ConstantsManager::new(&base, &TrainingConfig { timesteps, ..Default::default() })?;
    let started = Instant::now();
    for seed in 0..times {
        let logger = &mut InferenceLogger::new(InferType::None);
        let _samples = black_box(generate_samples(&model, &constants, n, seed, logger)?);
    }
    Ok(started.elapsed().as_secs_f64())
}

fn main() -> Outcome<()> {
    let mut trainings: HashMap<usize, Training> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let seconds = match words[..] {
            ["about"] => {
                println!("{}", Training::new(1)?.threads()?);
                continue;
            }
            ["train", steps] => {
                let steps = steps.parse()?;
                let training = match trainings.entry(steps) {
                    Entry::Occupied(old) => old.into_mut(),
                    Entry::Vacant(new) => new.insert(Training::new(steps)?),
                };
                training.seconds()?
            }
            ["sample", n, timesteps, times] => sampling_seconds(n.parse()?, timesteps.parse()?, times.parse()?)?,
            _ => return Err(format!("unknown command {line:?}: train STEPS, sample N T TIMES, about").into()),
        };
        println!("{seconds}");
    }
    Ok(())
}
