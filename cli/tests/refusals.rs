//! What `ddpm` refuses: one clear line, exit code 1 (2 for a mistake in the command itself), and every file as it was.

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, ddpm, snapshot, train_tiny};
use ddpm_tutor::prelude::*;

fn trained() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let ran = train_tiny(folder.path(), "tiny", &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    folder
}

/// Runs `ddpm`, which fails with `code` and with these words on stderr, and changes nothing in the folder.
fn refused(folder: &Path, arguments: &[&str], code: i32, words: &[&str]) -> Ran {
    let before = snapshot(folder);
    let ran = ddpm(folder, arguments);
    assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
    assert_eq!(ran.stdout, "", "{arguments:?}");
    assert!(
        words.iter().all(|word| ran.stderr.contains(word)),
        "{arguments:?}: {words:?} are not all in {}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains('\x1b'), "{arguments:?}: {}", ran.stderr);
    if code == 1 {
        assert!(ran.stderr.starts_with("ddpm: ") && ran.stderr.trim_end().lines().count() == 1, "{}", ran.stderr);
    }
    assert!(snapshot(folder) == before, "{arguments:?} changed the folder");
    ran
}

#[test]
fn configuration_files() {
    let folder = trained();
    let path = folder.path();
    let good = fs::read_to_string(path.join("models/tiny/config.json")).unwrap();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{good}");
        good.replacen(from, to, 1)
    };
    for (text, words) in [
        (with("\"epochs\"", "\"epoch\""), &["unknown field `epoch`", "epochs", "line"][..]),
        (with("\"training\"", "\"trainig\""), &["trainig"]),
        (with("\"seed\": 0", "\"seed\": -1"), &["-1", "line"]),
        (with("\"seed\": 0", "\"seed\": \"zero\""), &["zero", "line"]),
        (with("swiss-roll", "swiss-rol"), &["swiss-rol", "moons"]),
        (with("\"timesteps\": 10", "\"timesteps\": 0"), &["TrainingConfig.timesteps", "at least 1", "got 0"]),
        (with("\"batch_size\": 100", "\"batch_size\": 0"), &["TrainingConfig.batch_size", "got 0"]),
        (with("\"dataset_size\": 300", "\"dataset_size\": 0"), &["BaseConfig.dataset_size", "got 0"]),
        (with("\"noise\": 0.0", "\"noise\": -1.0"), &["noise", "-1"]),
        (with("\"time_embedding\": 16", "\"time_embedding\": 15"), &["FnnConfig.time_embedding", "even", "15"]),
        (good[..good.len() / 2].to_owned(), &["EOF", "line"]),
        (String::new(), &["EOF"]),
        ("[1, 2]".to_owned(), &["invalid"]),
    ] {
        let file = path.join("odd.json");
        fs::write(&file, text).unwrap();
        let error = ModelConfig::read(&file).unwrap_err();
        assert!(words.iter().all(|word| error.to_string().contains(word)), "{words:?}: {error}");
        assert!(matches!(error, Error::Config { .. }) || error.to_string().contains("odd.json"), "{error}");
    }
    fs::write(path.join("odd.json"), with("\"epochs\"", "\"epoch\"")).unwrap();
    refused(path, &["train", "--model", "new", "--config", "odd.json"], 1, &["odd.json", "unknown field `epoch`"]);
    fs::write(path.join("odd.json"), with("\"epochs\": 2", "\"epochs\": 0")).unwrap();
    let ran = refused(
        path,
        &["train", "--model", "new", "--config", "odd.json"],
        1,
        &["TrainingConfig.epochs", "at least 1"],
    );
    assert!(!ran.stderr.contains("--epochs"), "nobody typed it: {ran:?}");
    // The same text as the configuration of a model that is there.
    fs::create_dir_all(path.join("models/odd")).unwrap();
    fs::copy(path.join("odd.json"), path.join("models/odd/config.json")).unwrap();
    refused(path, &["sample", "--model", "odd", "--out", "a.npy"], 1, &["epochs", "at least 1"]);
    refused(path, &["train", "--model", "new", "--config", "none.json"], 1, &["cannot read", "none.json"]);
    refused(
        path,
        &["train", "--model", "new", "--config", "models"],
        1,
        &["models: this is a folder, expected a file"],
    );
    #[cfg(unix)]
    refused(path, &["train", "--model", "new", "--config", "/dev/null"], 1, &["this is a device, expected a file"]);
    fs::write(path.join("bytes.json"), b"\xff\xfe\x00").unwrap();
    refused(path, &["train", "--model", "new", "--config", "bytes.json"], 1, &["bytes.json"]);
}

#[test]
fn impossible_values_and_other_settings_on_resume() {
    let folder = trained();
    let path = folder.path();
    for (option, value, words) in [
        ("--timesteps", "0", &["at least 1"][..]),
        ("--checkpoint-period", "0", &["at least 1"]),
        ("--learning-rate", "NaN", &["NaN"]),
        ("--gradient-clipping", "inf", &["inf"]),
        ("--hidden-widths", "8,0", &["[8, 0]"]),
        ("--noise", "11", &["0 to 10", "got 11"]),
    ] {
        // By the name that was typed.
        let words = [&[option], words].concat();
        let ran = refused(path, &["train", "--model", "new", option, value], 1, &words);
        assert!(!ran.stderr.contains("Config."), "{ran:?}");
    }
    let misspelt = ["train", "--model", "new", "--dataset", "swissroll"];
    refused(path, &misspelt, 2, &["--dataset", "swiss-roll, spiral, moons", "a similar value exists: 'swiss-roll'"]);
    let misspelt = ["import", "a.pt", "--model", "new", "--dataset", "mnsit"];
    refused(path, &misspelt, 2, &["--dataset", "a similar value exists: 'mnist'"]);
    for (dataset, option, value) in [
        ("moons", "--turns", "2"),
        ("spiral", "--squares", "4"),
        ("checkerboard", "--inner-radius", "0.5"),
        ("circles", "--turns", "2"),
        ("painted-flowers", "--noise", "0.1"),
        ("swiss-roll", "--image-size", "32"),
    ] {
        let words = [dataset, "has no", option, "leave it out"];
        refused(path, &["train", "--model", "new", "--dataset", dataset, option, value], 1, &words);
    }
    for (dataset, option, value, expected) in [
        ("spiral", "--turns", "21", "0.1 to 20"),
        ("circles", "--inner-radius", "1", "[0, 1)"),
        ("checkerboard", "--squares", "1", "2 to 64"),
    ] {
        refused(path, &["train", "--model", "new", "--dataset", dataset, option, value], 1, &[option, expected, value]);
    }
    let linear = ["train", "--model", "new", "--schedule", "linear", "--timesteps", "20"];
    refused(path, &linear, 1, &["more than 20", "cosine"]);
    for (option, value, words) in [
        ("--timesteps", "11", &["timesteps is 10, not 11"][..]),
        ("--seed", "1", &["seed is 0, not 1"]),
        ("--dataset", "moons", &["swiss-roll", "moons"]),
        ("--hidden-widths", "8", &["[16]", "[8]"]),
        ("--schedule", "linear", &["schedule", "cosine", "linear"]),
    ] {
        let options = ["train", "--model", "tiny", "--epochs", "9", "--timesteps", "40"];
        let options = &options[..if option == "--schedule" { 7 } else { 5 }];
        let words = [words, &["\"tiny\"", "new name"]].concat();
        refused(path, &[options, &[option, value]].concat(), 1, &words);
    }
}

#[test]
fn model_names_and_models_that_are_not_there() {
    let folder = trained();
    let path = folder.path();
    let long = "x".repeat(65);
    for name in ["../x", "a/b", ".", "..", "", &long] {
        let model = format!("--model={name}");
        refused(path, &["train", &model], 1, &["model name", name, "one folder name", "SwissRoll"]);
    }
    for command in [&["sample", "--out", "a.npy"][..], &["delete", "--confirm", ".."]] {
        refused(path, &[command, &["--model", ".."]].concat(), 1, &["model name", ".."]);
    }
    assert_eq!(train_tiny(path, "second", &[]).code, Some(0));
    fs::create_dir(path.join("models/no-model")).unwrap();
    for command in [&["sample", "--model", "third", "--out", "a.npy"][..], &["evaluate", "--model", "third"]] {
        let ran = refused(path, command, 1, &["\"third\"", "second, tiny", "models"]);
        assert!(!ran.stderr.contains("no-model"), "{ran:?}");
    }
    refused(path, &["evaluate", "--model", "tinny"], 1, &["did you mean \"tiny\"?"]);
    refused(
        path,
        &["evaluate", "--model", "tiny", "--models-dir", "elsewhere"],
        1,
        &["\"tiny\"", "elsewhere", "no models"],
    );
    let checkpoint = ["sample", "--model", "tiny", "--checkpoint", "7", "--out", "a.npy"];
    refused(path, &checkpoint, 1, &["epoch 7", "available: epoch 2"]);
    fs::remove_file(path.join("models/second/checkpoints/epoch_0002.safetensors")).unwrap();
    refused(path, &["evaluate", "--model", "second"], 1, &["\"second\"", "train it first"]);
}

#[test]
fn a_torn_checkpoint() {
    let folder = trained();
    let path = folder.path();
    let file = path.join("models/tiny/checkpoints/epoch_0002.safetensors");
    let good = fs::read(&file).unwrap();
    fs::write(&file, &good[..good.len() / 2]).unwrap();
    for arguments in [
        &["train", "--model", "tiny", "--device", "cpu", "--json"][..],
        &["train", "--model", "tiny", "--device", "cpu", "--epochs", "9"],
        &["sample", "--model", "tiny", "--out", "a.npy"],
        &["evaluate", "--model", "tiny", "--n", "10"],
    ] {
        refused(path, arguments, 1, &["epoch_0002.safetensors", "Delete it"]);
    }
}

#[test]
fn outputs() {
    let folder = trained();
    let path = folder.path();
    for name in ["old.npy", "old.json", "old.png", "old.gif"] {
        fs::write(path.join(name), b"old").unwrap();
    }
    fs::create_dir(path.join("folder.npy")).unwrap();
    let sample = |out: &'static str| ["sample", "--model", "tiny", "--n", "500", "--out", out];
    for out in ["missing/a.npy", "/nowhere/at/all/a.gif"] {
        refused(path, &sample(out), 1, &[out, "does not exist"]);
    }
    refused(path, &sample("old.npy/a.npy"), 1, &["old.npy"]);
    refused(path, &sample("folder.npy"), 1, &["folder.npy", "this is a folder"]);
    for (out, got) in [("a.txt", ".txt"), ("a", "no extension")] {
        refused(path, &sample(out), 2, &[".npy, .json, .png or .gif", got]);
    }
    #[cfg(target_os = "linux")]
    refused(path, &sample("/proc/a.npy"), 1, &["/proc"]);
}

/// `ddpm` with these arguments under a limit of the shell's: what it says, and that it has failed and changed nothing.
#[cfg(target_os = "linux")]
fn limited(path: &Path, limit: &str, arguments: &str) -> String {
    let before = snapshot(path);
    let script = format!("trap '' XFSZ; ulimit {limit}; exec '{}' {arguments}", env!("CARGO_BIN_EXE_ddpm"));
    let mut bash = std::process::Command::new("bash");
    let output = bash.args(["-c", &script]).current_dir(path).env("OMP_NUM_THREADS", "1").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments}: {stderr}");
    assert!(!stderr.contains("panicked"), "{arguments}: {stderr}");
    assert!(snapshot(path) == before, "{arguments} changed the folder");
    stderr
}

/// A file may not grow beyond a few hundred bytes: what a full disk looks like.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let folder = trained();
    let path = folder.path();
    for name in ["old.npy", "old.json", "old.png", "old.gif"] {
        fs::write(path.join(name), b"old").unwrap();
    }
    for ending in ["npy", "json", "png", "gif"] {
        let stderr = limited(path, "-f 1", &format!("sample --model tiny --n 2000 --out old.{ending}"));
        assert!(stderr.contains("cannot write") && stderr.contains(&format!("old.{ending}")), "{stderr}");
    }
}

/// A network of 6.4 GB where a process may have 6.
#[cfg(target_os = "linux")]
#[test]
fn a_full_memory() {
    let folder = trained();
    let stderr = limited(folder.path(), "-v 6000000", "train --model large --hidden-widths 40000,40000 --device cpu");
    assert!(
        stderr.starts_with("ddpm: out of memory: reduce the batch size, the number of samples or the network"),
        "{stderr}"
    );
    assert!(stderr.contains("(libtorch said: [enforce fail at") && stderr.contains("allocate memory"), "{stderr}");
    assert!(stderr.lines().count() == 1 && !stderr.contains("frame #") && !stderr.contains("unwrap"), "{stderr}");
}
