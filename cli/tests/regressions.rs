//! What once went wrong and must not again: each test is a bug that was found by trying to break the command line.

mod common;

use std::fs;

use common::{command, ddpm, snapshot, train_tiny};

#[test]
fn a_training_that_is_refused_leaves_no_model_behind() {
    let folder = tempfile::tempdir().unwrap();
    for (text, device) in [
        (r#"{"network": {"fnn": {"input_width": 3}}}"#, "cpu"),
        (r#"{"network": {"own": "mine"}}"#, "cpu"),
        (r#"{"base": {"dataset": {"name": "own", "label": "mine", "shape": [2]}}}"#, "cpu"),
        ("{}", "cuda:77"),
    ] {
        fs::write(folder.path().join("c.json"), text).unwrap();
        let before = snapshot(folder.path());
        let ran = ddpm(folder.path(), &["train", "--model", "m", "--config", "c.json", "--device", device]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(snapshot(folder.path()) == before, "{text} {device} left a model behind");
    }

    // To start from: a model that is not there, a path, and weights that do not fit.
    assert_eq!(train_tiny(folder.path(), "there", &[]).code, Some(0));
    fs::write(folder.path().join("c.json"), "{}").unwrap();
    let before = snapshot(folder.path());
    for (from, says) in [
        (&["--from", "nobody"][..], "no model \"nobody\""),
        (&["--from", "nobody", "--config", "c.json"], "no model \"nobody\""),
        (&["--from", "../there", "--config", "c.json"], "\"../there\""),
        (&["--from", "there", "--hidden-widths", "24"], "expected F32 of shape [24"),
        (&["--from", "there", "--hidden-widths", "16,16,16,16,16,16"], "; and "),
    ] {
        let ran = ddpm(folder.path(), &[&["train", "--model", "m", "--device", "cpu"][..], from].concat());
        assert!(ran.code == Some(1) && ran.stderr.contains(says), "{from:?}: {ran:?}");
        assert!(snapshot(folder.path()) == before, "{from:?} left a model behind");
    }
    // The corrected command is taken.
    let ran = ddpm(folder.path(), &["train", "--model", "m", "--device", "cpu", "--from", "there", "--epochs", "1"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn sizes_beyond_any_memory_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(train_tiny(folder.path(), "tiny", &[]).code, Some(0));
    let (most, before) = (u64::MAX.to_string(), snapshot(folder.path()));
    for arguments in [
        &["sample", "--model", "tiny", "--n", "1000000000000000", "--out", "a.npy"][..],
        &["sample", "--model", "tiny", "--n", "9223372036854775807", "--out", "a.npy"],
        &["evaluate", "--model", "tiny", "--n", "1000000000000000"],
        &["train", "--model", "a", "--dataset-size", "1000000000000000000"],
        &["train", "--model", "b", "--dataset-size", "100", "--epochs", "1", "--batch-size", &most],
        &["train", "--model", "c", "--dataset-size", "100", "--epochs", "1", "--sample-amount", &most],
        // Points cannot be shown as images: known before the first epoch.
        &["train", "--model", "e", "--dataset-size", "100", "--epochs", "1", "--inference-type", "image"],
    ] {
        let ran = ddpm(folder.path(), arguments);
        assert!(ran.code == Some(1) || ran.code == Some(2), "{arguments:?}: {ran:?}");
        assert!(!ran.stderr.contains("panicked") && snapshot(folder.path()) == before, "{arguments:?}: {ran:?}");
    }
}

#[test]
fn fewer_epochs_than_it_had_do_not_change_a_model() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(train_tiny(folder.path(), "tiny", &[]).code, Some(0));
    let before = snapshot(folder.path());
    let _ = ddpm(folder.path(), &["train", "--model", "tiny", "--epochs", "1"]);
    assert!(snapshot(folder.path()) == before, "config.json now says 1 epoch beside a checkpoint of epoch 2");
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_or_full_stdout_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["doctor", "--json"][..], &["doctor"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        for (what, stdout) in [("full", std::process::Stdio::from(full)), ("closed", closed.into())] {
            let output = command(folder.path(), arguments).stdout(stdout).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(!stderr.contains("panicked") && output.status.code() != Some(101), "{what}: {stderr}");
        }
    }
}
