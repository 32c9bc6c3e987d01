//! A training that is killed or stopped resumes from its last checkpoint and ends where one that never stopped does.
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{command, ddpm, tensors};

const EPOCHS: usize = 40;
/// Long enough to be caught in the middle of, with a checkpoint after each epoch.
const TRAIN: [&str; 20] = [
    "train",
    "--model",
    "m",
    "--dataset-size",
    "1000",
    "--batch-size",
    "10",
    "--epochs",
    "40",
    "--timesteps",
    "10",
    "--hidden-widths",
    "16,16",
    "--checkpoint-period",
    "1",
    "--inference-type",
    "none",
    "--device",
    "cpu",
    "--json",
];

fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let is_checkpoint = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "safetensors");
    let entries = fs::read_dir(folder.join("models/m/checkpoints")).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_checkpoint).collect();
    found.sort();
    found
}

/// A checkpoint that is being written has a temporary name.
fn is_writing(folder: &Path) -> bool {
    let entries = fs::read_dir(folder.join("models/m/checkpoints")).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().ends_with(".part"))
}

fn remove_temporary_files(folder: &Path) {
    for entry in fs::read_dir(folder.join("models/m/checkpoints")).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().ends_with(".part") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

/// When to kill.
#[derive(Debug, Clone, Copy)]
enum Moment {
    AfterStart(Duration),
    /// After so many more checkpoints, and a little.
    AfterCheckpoints(usize, Duration),
    /// While a checkpoint has its temporary name.
    WhileWriting,
}

/// Starts the training and kills it at that moment; false where it ended before.
fn killed(folder: &Path, moment: Moment) -> bool {
    if matches!(moment, Moment::WhileWriting) {
        remove_temporary_files(folder);
    }
    let before = checkpoints(folder).len();
    let mut child = command(folder, &TRAIN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        let due = match moment {
            Moment::AfterStart(delay) => started.elapsed() >= delay,
            Moment::AfterCheckpoints(more, delay) => {
                let due = checkpoints(folder).len() >= before + more;
                if due {
                    std::thread::sleep(delay);
                }
                due
            }
            // Or a few checkpoints later, on a disk so quick that the name is never seen.
            Moment::WhileWriting => is_writing(folder) || checkpoints(folder).len() >= before + 6,
        };
        if due {
            child.kill().unwrap();
            break;
        }
    }
    let status = child.wait().unwrap();
    assert!(status.success() || status.signal() == Some(9), "{moment:?}: {status}");
    !status.success()
}

#[test]
fn killed_at_any_moment_it_ends_where_a_training_never_stopped_ends() {
    let (whole, torn) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (whole, torn) = (whole.path(), torn.path());
    let ran = ddpm(whole, &TRAIN);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    let ms = Duration::from_millis;
    let moments = [
        Moment::AfterStart(ms(3)),
        Moment::AfterStart(ms(61)),
        Moment::AfterCheckpoints(1, ms(0)),
        Moment::AfterCheckpoints(2, ms(7)),
        Moment::WhileWriting,
        Moment::WhileWriting,
        Moment::AfterStart(ms(230)),
        Moment::AfterCheckpoints(1, ms(13)),
        Moment::WhileWriting,
    ];
    let mut in_the_middle = 0;
    for moment in moments {
        let killed = killed(torn, moment);
        let there = checkpoints(torn);
        // Whatever the moment, what has a checkpoint's name is one.
        there.iter().for_each(|path| assert!(!tensors(path).is_empty()));
        if killed && !there.is_empty() && there.len() < EPOCHS {
            in_the_middle += 1;
        }
    }
    assert!(in_the_middle >= 2, "killed in the middle {in_the_middle} times only");

    let had = checkpoints(torn).len();
    let ran = ddpm(torn, &TRAIN);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let result: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((result["from_epoch"].as_u64(), result["epochs"].as_u64()), (Some(had as u64), Some(EPOCHS as u64)));
    let (expected, found) = (checkpoints(whole), checkpoints(torn));
    assert_eq!((expected.len(), found.len()), (EPOCHS, EPOCHS));
    for (expected, found) in expected.iter().zip(&found) {
        assert!(tensors(expected) == tensors(found), "{} differs from that of the whole run", found.display());
    }
    for folder in [whole, torn] {
        let ran = ddpm(folder, &["sample", "--model", "m", "--n", "50", "--seed", "9", "--out", "s.npy"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    assert_eq!(fs::read(whole.join("s.npy")).unwrap(), fs::read(torn.join("s.npy")).unwrap());
}

#[test]
fn leftover_temporary_files_are_not_taken_for_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let ran = common::train_tiny(folder.path(), "m", &["--checkpoint-period", "1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let checkpoints = folder.path().join("models/m/checkpoints");
    for name in
        [".3xYz9A.part", ".epoch_0007.safetensors", "epoch_0008.safetensors.part", "epoch_.safetensors", "notes"]
    {
        fs::write(checkpoints.join(name), b"half of a checkp").unwrap();
    }
    let ran = common::train_tiny(folder.path(), "m", &["--checkpoint-period", "1", "--epochs", "3", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let result: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((result["from_epoch"].as_u64(), result["epochs"].as_u64()), (Some(2), Some(3)));
}

/// Starts the training, and asks it to stop once it has `after` checkpoints more.
fn stopped(folder: &Path, after: usize, ask: impl Fn(u32)) -> std::process::Output {
    let before = checkpoints(folder).len();
    let child = command(folder, &TRAIN).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while checkpoints(folder).len() < before + after && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    ask(child.id());
    child.wait_with_output().unwrap()
}

#[test]
fn stopped_by_a_signal_or_a_file_it_saves_and_goes_on_as_if_nothing_had_been() {
    let (whole, torn) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (whole, torn) = (whole.path(), torn.path());
    assert_eq!(ddpm(whole, &TRAIN).code, Some(0));

    let signal = |name: &str, pid: u32| {
        assert!(
            std::process::Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap().success()
        );
    };
    let stop_file = torn.join("models/m/stop");
    let asks: [&dyn Fn(u32); 3] =
        [&|pid| signal("INT", pid), &|_| fs::write(&stop_file, "").unwrap(), &|pid| signal("TERM", pid)];
    for ask in asks {
        let output = stopped(torn, 2, ask);
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(result["stopped"], true, "{result}");
        let saved = torn.join(result["checkpoint"].as_str().unwrap());
        assert!(!tensors(&saved).is_empty(), "{result}");
        assert!(!stop_file.exists(), "it stops one training, not the next");
        let ran = ddpm(torn, &["sample", "--model", "m", "--n", "5", "--out", "s.npy"]);
        assert_eq!(ran.code, Some(0), "what was saved can be sampled from: {}", ran.stderr);
    }
    // A file from before the training stops nothing.
    fs::write(&stop_file, "").unwrap();
    assert_eq!(ddpm(torn, &TRAIN).code, Some(0));
    let (expected, found) = (checkpoints(whole), checkpoints(torn));
    assert_eq!((expected.len(), found.len()), (EPOCHS, EPOCHS));
    for (expected, found) in expected.iter().zip(&found) {
        assert!(tensors(expected) == tensors(found), "{} differs from that of the whole run", found.display());
    }
}

#[test]
fn stopped_while_it_draws_samples_it_ends_at_once_and_draws_them_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // One short epoch, and samples that take a minute.
    let slow = ["--epochs", "1", "--timesteps", "1000", "--hidden-widths", "512,512", "--inference-type", "plot"];
    let few = ["train", "--model", "m", "--dataset-size", "100", "--batch-size", "100", "--device", "cpu"];
    let many = [&few[..], &slow, &["--sample-amount", "20000"]].concat();
    let child = command(folder, &many).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while checkpoints(folder).is_empty() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    fs::write(folder.join("models/m/stop"), "").unwrap();
    let (asked, output) = (Instant::now(), child.wait_with_output().unwrap());
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(130) && said.contains("Its samples were not drawn"), "{said}");
    let samples = folder.join("models/m/inference_logs/epoch_0001/samples.json");
    assert!(checkpoints(folder).len() == 1 && !samples.exists() && !folder.join("models/m/stop").exists());

    let ran = ddpm(folder, &[&few[..], &slow, &["--sample-amount", "5"]].concat());
    assert!(ran.code == Some(0) && samples.exists(), "{ran:?}");
}
