//! A training that runs is disturbed by nothing that is refused, and ends saved, however it is asked to.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{command, ddpm, fixture, snapshot, succeeded, train_tiny};

/// A long training without checkpoints on the way.
const LONG: [&str; 18] = [
    "train",
    "--model",
    "m",
    "--dataset-size",
    "2000",
    "--batch-size",
    "20",
    "--timesteps",
    "10",
    "--hidden-widths",
    "16",
    "--epochs",
    "100000",
    "--checkpoint-period",
    "100000",
    "--sample-amount",
    "0",
    "--device=cpu",
];

/// Starts a command that trains, and waits until it does: it says so once it holds the model.
fn training(folder: &Path, mut train: Command) -> Child {
    let file = |name: &str| fs::File::create(folder.join(name)).unwrap();
    let child = train.stdin(Stdio::null()).stdout(file("out")).stderr(file("log")).spawn().unwrap();
    let started = Instant::now();
    while !said(folder).contains("parameters") {
        let log = || fs::read_to_string(folder.join("log"));
        assert!(started.elapsed() < Duration::from_secs(60), "it does not begin: {:?}", log());
        std::thread::sleep(Duration::from_millis(5));
    }
    // The signals are caught right after.
    std::thread::sleep(Duration::from_millis(300));
    child
}

fn said(folder: &Path) -> String {
    fs::read_to_string(folder.join("out")).unwrap()
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap().success());
}

fn saved(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder.join("models/m/checkpoints")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The exit status of a training that was asked to end.
fn ended(mut child: Child) -> Option<i32> {
    let asked = Instant::now();
    let status = child.wait().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(20), "it took {:?}", asked.elapsed());
    status.code()
}

#[test]
fn what_is_refused_while_a_model_trains_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    succeeded(train_tiny(path, "other", &[]));
    let child = training(path, command(path, &LONG));
    signal("STOP", child.id());
    fs::write(path.join("models/m/stop"), "").unwrap();
    let before = snapshot(path);
    let weights = fixture("original/unet/ckpt.tar");
    for arguments in [
        &["train", "--model", "m"][..],
        &["train", "--model", "m", "--epochs", "200000", "--sample-amount", "3"],
        &["train", "--model", "m", "--timesteps", "11"],
        &["train", "--model", "m", "--from", "other"],
        &["delete", "--model", "m", "--confirm", "m"],
        &["import", weights.to_str().unwrap(), "--model", "m"],
        &["sample", "--model", "m", "--out", "a.npy"],
        &["export", "--model", "m", "--out", "a.safetensors"],
        &["evaluate", "--model", "m"],
    ] {
        let ran = ddpm(path, arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{arguments:?}: {ran:?}");
        if matches!(arguments, ["train", _, _] | ["delete", ..]) {
            assert!(ran.stderr.contains("another process is training this model"), "{arguments:?}: {ran:?}");
        }
        assert!(snapshot(path) == before, "{arguments:?} changed something");
    }
    signal("CONT", child.id());
    assert_eq!(ended(child), Some(130));
    assert!(!path.join("models/m/stop").exists());
    assert_eq!(saved(path).len(), 1);
    succeeded(ddpm(path, &["delete", "--model", "m", "--confirm", "m"]));
}

#[test]
fn a_closed_terminal_and_a_schedulers_signals_save_as_ctrl_c_does() {
    for (name, times) in [("HUP", 2), ("USR1", 2), ("USR2", 1), ("XCPU", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let child = training(folder.path(), command(folder.path(), &LONG));
        (0..times).for_each(|_| signal(name, child.id()));
        assert_eq!(ended(child), Some(130), "{name}");
        assert_eq!(saved(folder.path()).len(), 1, "{name}");
        assert!(said(folder.path()).contains("stopped after"), "{name}: {}", said(folder.path()));
    }
}

#[test]
fn a_training_that_ignores_the_hangup_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let arguments: Vec<String> = LONG.iter().map(|argument| format!("'{argument}'")).collect();
    let mut shell = Command::new("bash");
    let script = format!("trap '' HUP; exec '{}' {}", env!("CARGO_BIN_EXE_ddpm"), arguments.join(" "));
    shell.args(["-c", &script]).current_dir(folder.path()).env("OMP_NUM_THREADS", "1");
    let mut child = training(folder.path(), shell);
    signal("HUP", child.id());
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none() && saved(folder.path()).is_empty(), "nohup has it go on");
    signal("TERM", child.id());
    assert_eq!(ended(child), Some(130));
    assert_eq!(saved(folder.path()).len(), 1);
}

#[test]
fn a_model_is_deleted_whose_configuration_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    succeeded(train_tiny(folder.path(), "m", &[]));
    fs::write(folder.path().join("models/m/config.json"), "{").unwrap();
    assert_eq!(ddpm(folder.path(), &["delete", "--model", "m", "--confirm", "n"]).code, Some(1));
    succeeded(ddpm(folder.path(), &["delete", "--model", "m", "--confirm", "m"]));
    assert!(!folder.path().join("models/m").exists());
    // What is no model is left alone.
    fs::create_dir_all(folder.path().join("models/notes")).unwrap();
    let ran = ddpm(folder.path(), &["delete", "--model", "notes", "--confirm", "notes"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("no model \"notes\""), "{ran:?}");
    assert!(folder.path().join("models/notes").exists());
}
