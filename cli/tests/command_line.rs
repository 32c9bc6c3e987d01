//! `ddpm` as its users meet it: what each command writes, where, and the codes it exits with.

mod common;

use std::fs;
use std::io::Write;
use std::process::Stdio;

use common::{command, ddpm, json, snapshot, succeeded, train_tiny};
use serde_json::Value;

fn assert_plain(text: &str) {
    assert!(!text.contains(['\x1b', '\r']), "no terminal is here: {text:?}");
}

fn trained() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    succeeded(train_tiny(folder.path(), "tiny", &[]));
    folder
}

#[test]
fn training_leaves_a_model_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let ran = succeeded(train_tiny(folder.path(), "tiny", &["--json"]));
    let result = json(&ran);
    assert_eq!(
        (result["model"].as_str(), result["epochs"].as_u64(), result["from_epoch"].as_u64()),
        (Some("tiny"), Some(2), Some(0))
    );
    assert!(result["loss"].as_f64().is_some_and(|loss| loss > 0.0) && result["seconds"].as_f64().is_some());
    assert!(folder.path().join(result["checkpoint"].as_str().unwrap()).is_file());
    assert!(ran.stderr.contains("training") && ran.stderr.contains("epoch 2/2"), "{ran:?}");
    assert_plain(&ran.stderr);
    let config: Value =
        serde_json::from_slice(&fs::read(folder.path().join("models/tiny/config.json")).unwrap()).unwrap();
    assert_eq!(config["training"]["timesteps"], 10);
    assert_eq!(config["base"]["dataset_size"], 300);

    let ran = succeeded(train_tiny(folder.path(), "tiny", &[]));
    assert!(ran.stdout.contains("already been trained for 2 epochs") && ran.stdout.contains("--epochs"), "{ran:?}");
    let ran = succeeded(train_tiny(folder.path(), "tiny", &["--epochs", "3"]));
    let start =
        "tiny: 338 parameters, 300 points of swiss-roll, T = 10, 3 epochs, resuming after epoch 2, on the CPU\n";
    assert!(ran.stdout.contains(start) && ran.stdout.contains("trained 1 epoch in"), "{ran:?}");
    assert_plain(&(ran.stdout + &ran.stderr));
    // Without options it is the model that is there.
    let result = json(&succeeded(ddpm(folder.path(), &["train", "--model", "tiny", "--json"])));
    assert_eq!((result["epochs"].as_u64(), result["from_epoch"].as_u64()), (Some(3), Some(3)));
}

#[test]
fn options_set_what_a_set_of_points_has() {
    let folder = tempfile::tempdir().unwrap();
    let config = |name: &str| -> Value {
        let file = folder.path().join("models").join(name).join("config.json");
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    };
    for (name, option, value) in [
        ("swiss-roll", "--noise", 0.05),
        ("moons", "--noise", 0.05),
        ("spiral", "--turns", 2.0),
        ("circles", "--inner-radius", 0.25),
        ("checkerboard", "--squares", 6.0),
    ] {
        let options = ["--dataset", name, option, &value.to_string(), "--noise", "0.05", "--epochs", "1"];
        let options = if option == "--noise" { [&options[..4], &options[6..]].concat() } else { options.to_vec() };
        succeeded(train_tiny(folder.path(), name, &options));
        let dataset = &config(name)["base"]["dataset"];
        let key = option.trim_start_matches('-').replace('-', "_");
        assert_eq!((dataset["name"].as_str(), dataset["noise"].as_f64()), (Some(name), Some(0.05)), "{dataset}");
        assert_eq!(dataset[key].as_f64(), Some(value), "{dataset}");
    }
}

#[test]
fn a_configuration_file_is_taken_and_options_go_over_it() {
    let folder = trained();
    let (path, copy) = (folder.path(), folder.path().join("copy.json"));
    fs::copy(path.join("models/tiny/config.json"), &copy).unwrap();
    let options = ["train", "--model", "again", "--config", "copy.json", "--seed", "3", "--json"];
    assert_eq!(json(&succeeded(ddpm(path, &options)))["epochs"], 2);
    let config: Value = serde_json::from_slice(&fs::read(path.join("models/again/config.json")).unwrap()).unwrap();
    assert_eq!((config["base"]["seed"].as_u64(), config["training"]["batch_size"].as_u64()), (Some(3), Some(100)));
    // Another seed, other weights; the same seed, the same.
    let checkpoint =
        |name: &str| common::tensors(&path.join("models").join(name).join("checkpoints/epoch_0002.safetensors"));
    assert!(checkpoint("tiny") != checkpoint("again"));
    succeeded(ddpm(path, &["train", "--model", "same", "--config", "copy.json"]));
    assert!(checkpoint("tiny") == checkpoint("same"));
}

#[test]
fn an_evaluation_is_lines_or_one_json_value() {
    let folder = trained();
    let evaluate = |options: &[&str]| {
        succeeded(ddpm(folder.path(), &[&["evaluate", "--model", "tiny", "--n", "200"], options].concat()))
    };
    let ran = evaluate(&["--json"]);
    let result = json(&ran);
    let found = &result["evaluation"];
    assert_eq!((result["model"].as_str(), found["samples"].as_u64()), (Some("tiny"), Some(200)));
    for key in ["sliced_wasserstein", "noise_floor", "distance_to_curve_p95"] {
        assert!(found[key].as_f64().is_some_and(|x| x > 0.0), "{result}");
    }
    assert_eq!(json(&evaluate(&["--json"])), result, "the same seed, the same numbers");
    assert_ne!(json(&evaluate(&["--json", "--seed", "2"])), result);
    let ran = evaluate(&[]);
    assert!(ran.stdout.contains("Wasserstein") && ran.stdout.contains("tiny"), "{ran:?}");
    assert_plain(&(ran.stdout + &ran.stderr));

    let curve = |options: &[&str]| {
        evaluate(&[&["--curve", "curve.svg"], options].concat());
        fs::read_to_string(folder.path().join("curve.svg")).unwrap()
    };
    let alone = curve(&[]);
    succeeded(train_tiny(folder.path(), "other", &["--seed", "1"]));
    let beside = curve(&["--reference", "other"]);
    assert!(!alone.contains("other:") && beside.contains("other: each epoch"), "{beside}");
    let ran = ddpm(folder.path(), &["evaluate", "--model", "tiny", "--curve", "curve.svg", "--reference", "othre"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("othre"), "{ran:?}");
}

#[test]
fn doctor_and_help_exit_well_and_a_slip_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let ran = succeeded(ddpm(folder.path(), &["doctor", "--json"]));
    let parts = json(&ran);
    let torch = parts.as_array().unwrap().iter().find(|part| part["part"] == "libtorch").unwrap();
    assert!(torch["ok"] == true && torch["version"].as_str().unwrap().starts_with("2."), "{parts}");
    assert!(succeeded(ddpm(folder.path(), &["doctor"])).stdout.contains("computes on"));
    assert!(succeeded(ddpm(folder.path(), &["--version"])).stdout.starts_with("ddpm "));
    for command in ["train", "sample", "evaluate", "import", "export", "predict", "delete", "doctor"] {
        let ran = succeeded(ddpm(folder.path(), &[command, "--help"]));
        assert!(ran.stdout.contains("Usage: ddpm") && ran.stderr.is_empty(), "{ran:?}");
    }
    for slip in [
        &[][..],
        &["trian"],
        &["train"],
        &["train", "--model", "m", "--epoch", "3"],
        &["sample", "--model", "m"],
        &["train", "--model", "m", "--epochs", "many"],
        &["train", "--model", "m", "--seed=-1"],
        &["train", "--model", "m", "--schedule", "sine"],
        &["train", "--model", "m", "--device", "gpu"],
        &["sample", "--model", "m", "--n", "0", "--out", "a.npy"],
    ] {
        let ran = ddpm(folder.path(), slip);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{slip:?}: {ran:?}");
        assert!(ran.stderr.contains("Usage") || ran.stderr.contains("--help"), "{slip:?}: {ran:?}");
    }
    assert!(snapshot(folder.path()).is_empty());
}

#[test]
fn progress_goes_to_a_file_as_plain_lines() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut train = command(folder.path(), &["train", "--model", "m", "--dataset-size", "100", "--epochs", "1"]);
    let status = train.args(["--device", "cpu"]).stderr(fs::File::create(&log).unwrap()).stdout(Stdio::null()).status();
    assert!(status.unwrap().success());
    let text = fs::read_to_string(log).unwrap();
    assert_plain(&text);
    assert!(text.lines().count() >= 1 && text.contains("epoch 1/1"), "{text:?}");
    assert_eq!(fs::read_dir(folder.path().join("models/m/inference_logs")).unwrap().count(), 1);
}

#[test]
fn a_model_is_deleted_by_its_name_alone() {
    let folder = trained();
    let before = snapshot(folder.path());
    let typed = |text: &str| {
        let mut delete = command(folder.path(), &["delete", "--model", "tiny"]);
        let mut child = delete.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    for text in ["", "\n", "Tiny\n", "y\n"] {
        let output = typed(text);
        assert_eq!(output.status.code(), Some(1), "{text:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("not deleted"), "{text:?}");
    }
    assert_eq!(ddpm(folder.path(), &["delete", "--model", "tiny", "--confirm", "tin"]).code, Some(1));
    assert_eq!(ddpm(folder.path(), &["delete", "--model", "other", "--confirm", "other"]).code, Some(1));
    assert!(snapshot(folder.path()) == before);
    assert!(typed("tiny\n").status.success());
    assert!(!folder.path().join("models/tiny").exists() && folder.path().join("models").is_dir());
    succeeded(train_tiny(folder.path(), "tiny", &[]));
    assert!(
        succeeded(ddpm(folder.path(), &["delete", "--model", "tiny", "--confirm", "tiny"])).stdout.contains("tiny")
    );
}
