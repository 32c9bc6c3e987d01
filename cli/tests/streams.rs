//! stdout and stderr that are full, or that nobody reads: no panic, and an exit status that says what became of the result.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use common::{command, succeeded, train_tiny};

fn full() -> Stdio {
    fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

/// A pipe whose reader has gone.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// The output of a command whose other stream is a pipe with a reader.
fn ran(folder: &Path, arguments: &[&str], stdout: Option<Stdio>, stderr: Option<Stdio>) -> Output {
    let (stdout, stderr) = (stdout.unwrap_or_else(Stdio::piped), stderr.unwrap_or_else(Stdio::piped));
    let output = command(folder, arguments).stdout(stdout).stderr(stderr).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code().is_some_and(|code| code <= 2) && !said.contains("panicked"),
        "{arguments:?}: {output:?}"
    );
    output
}

/// A model of points and one of images, whose T the original does not have: that is remarked on.
fn models(folder: &Path) {
    succeeded(train_tiny(folder, "points", &[]));
    let images = ["train", "--model", "images", "--dataset=painted-flowers", "--dataset-size=32", "--image-size=8"];
    let quick = ["--base-channels=8", "--timesteps=1200", "--epochs=1", "--sample-amount=0", "--device=cpu"];
    succeeded(common::ddpm(folder, &[&images[..], &quick].concat()));
}

#[test]
fn a_stderr_that_is_full_or_closed_keeps_nothing_from_being_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    models(path);
    for (n, stderr) in [full as fn() -> Stdio, closed].into_iter().enumerate() {
        let done = |arguments: &[&str], result: &str| {
            let output = ran(path, arguments, None, Some(stderr()));
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success() && said.contains(result), "{arguments:?}: {} {said}", output.status);
        };
        let name = format!("m{n}");
        let train = format!("train --model {name} --dataset-size 50 --batch-size 100 --timesteps 5 --epochs 1");
        let train: Vec<&str> = train.split(' ').collect();
        done(&[&train[..], &["--sample-amount", "0", "--json"]].concat(), "\"epochs\":1");
        done(&["evaluate", "--model", "images", "--json"], "validation_loss");
        done(&["evaluate", "--model", "points", "--n", "50", "--curve", "c.svg", "--reference", "images"], "points");
        done(&["export", "--model", "images", "--out", "w.safetensors"], "wrote the weights of images to");
        done(&["sample", "--model", "points", "--n", "5", "--out", "a.npy"], "5 samples");
        done(&["delete", "--model", &name, "--confirm", &name], "deleted");
        for slip in [&["train"][..], &["evaluate", "--model", "nobody"], &["delete", "--model", "points"]] {
            assert!(!ran(path, slip, None, Some(stderr())).status.success(), "{slip:?}");
        }
    }
}

#[test]
fn a_stdout_that_is_full_is_an_error_after_the_work_and_one_that_is_closed_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    models(path);
    for (n, (stdout, code)) in [(full as fn() -> Stdio, 1), (closed, 0)].into_iter().enumerate() {
        let name = format!("m{n}");
        let train = format!("train --model {name} --dataset-size 50 --timesteps 5 --epochs 1 --sample-amount=0");
        let train: Vec<&str> = train.split(' ').collect();
        for arguments in [
            &train[..],
            &["evaluate", "--model", "points", "--n", "50"],
            &["sample", "--model", "points", "--n", "5", "--out", "a.npy"],
            &["data"],
            &["doctor"],
            &["--help"],
            &["train", "--help"],
            &["--version"],
        ] {
            let output = ran(path, arguments, Some(stdout()), None);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
            assert_eq!(said.contains("cannot write to stdout"), code == 1, "{arguments:?}: {said}");
        }
        assert!(path.join("models").join(&name).join("checkpoints/epoch_0001.safetensors").exists());
        // Nobody hears anything at all.
        assert!(
            ran(path, &["evaluate", "--model", "images"], Some(stdout()), Some(stdout())).status.code() == Some(code)
        );
    }
}
