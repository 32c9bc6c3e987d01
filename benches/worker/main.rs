//! The Rust side of `cargo xtask bench`: reads commands, answers each with a line, so that the two sides can take turns.
//!
//! ```text
//! about CASE              the number of threads in a training step
//! train CASE STEPS        seconds of so many training steps, as `train_one_epoch` does them
//! sample CASE N T TIMES   seconds of drawing N samples in T steps, so many times
//! solve CASE SAMPLER N STEPS TIMES  the same with a sampler that takes fewer steps than there are
//! profile CASE STEPS      milliseconds of the parts of a training step
//! read FOLDER             seconds from a folder of photographs to a training set in memory
//! count FOLDER            how many of its photographs can be read
//! cuda                    the number of CUDA devices
//! ```
//! `benches/pytorch_worker.py` is its counterpart; `case.rs` has the cases.

mod case;
mod profile;
mod reading;
mod sampling;
mod training;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::error::Error;
use std::io::BufRead;
use std::path::Path;

use case::Case;
use training::Training;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    // Of the shapes of a training cuDNN then tries its algorithms, once.
    tch::Cuda::cudnn_set_benchmark(std::env::var_os("DDPM_CUDNN_BENCHMARK").is_some());
    let mut trainings: HashMap<(Case, usize), Training> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if let Some((command @ ("read" | "count"), folder)) = line.split_once(' ') {
            let (images, seconds) = reading::photographs(Path::new(folder))?;
            println!("{}", if command == "read" { seconds } else { images as f64 });
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["about", case] => println!("{}", Training::new(case.parse()?, 1)?.threads()?),
            ["train", case, steps] => {
                let (case, steps) = (case.parse()?, steps.parse()?);
                let training = match trainings.entry((case, steps)) {
                    Entry::Occupied(old) => old.into_mut(),
                    Entry::Vacant(new) => new.insert(Training::new(case, steps)?),
                };
                println!("{}", training.seconds()?);
            }
            ["sample", case, n, timesteps, times] => {
                println!("{}", sampling::seconds(case.parse()?, n.parse()?, timesteps.parse()?, times.parse()?)?);
            }
            ["solve", case, sampler, n, steps, times] => {
                let seconds = sampling::solving(case.parse()?, sampler, n.parse()?, steps.parse()?, times.parse()?)?;
                println!("{seconds}");
            }
            ["profile", case, steps] => println!("{}", profile::parts(case.parse()?, steps.parse()?)?),
            ["cuda"] => println!("{}", ddpm_tutor::cuda::cuda_devices()),
            _ => return Err(format!("unknown command {line:?}: benches/worker/main.rs lists them").into()),
        }
    }
    Ok(())
}
