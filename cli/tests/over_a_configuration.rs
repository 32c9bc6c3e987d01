//! Files that give a part of a configuration, options over files and over models that are there, and what is said of
//! both.

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, bmp, ddpm, snapshot, succeeded, train_tiny};
use ddpm_tutor::prelude::*;
use serde_json::Value;

/// A U-Net that trains in a moment.
const QUICK: [&str; 12] = [
    "--timesteps",
    "5",
    "--epochs",
    "1",
    "--batch-size",
    "8",
    "--sample-amount",
    "0",
    "--base-channels",
    "8",
    "--device",
    "cpu",
];

fn train(folder: &Path, name: &str, options: &[&str]) -> Ran {
    ddpm(folder, &[&["train", "--model", name], &QUICK[..], options].concat())
}

fn config(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join("models").join(name).join("config.json")).unwrap()).unwrap()
}

/// A folder of images, all of one class.
fn images(folder: &Path, count: u8) {
    fs::create_dir_all(folder).unwrap();
    for i in 0..count {
        let pixels: Vec<u8> = (0..8 * 8 * 3).map(|k| (k as u8).wrapping_mul(i + 1)).collect();
        fs::write(folder.join(format!("{i}.bmp")), bmp(&pixels)).unwrap();
    }
}

#[test]
fn a_short_file_leaves_the_rest_to_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let images = ["--dataset-size", "16", "--image-size", "8"];
    fs::write(path.join("rate.json"), r#"{"training": {"learning_rate": 0.0002}}"#).unwrap();
    succeeded(train(path, "rate", &[&images[..], &["--config", "rate.json", "--dataset", "painted-flowers"]].concat()));
    let rate = config(path, "rate");
    assert_eq!(
        (&rate["training"]["learning_rate"], &rate["training"]["checkpoints"]["inference_type"]),
        (&0.0002.into(), &"image".into())
    );
    fs::write(path.join("data.json"), r#"{"base": {"dataset": {"name": "painted-flowers"}, "seed": 3}}"#).unwrap();
    succeeded(train(path, "data", &[&images[..], &["--config", "data.json"]].concat()));
    assert_eq!(config(path, "data")["base"]["seed"], 3);
    fs::write(path.join("unet.json"), r#"{"base": {"dataset": {"name": "painted-flowers"}}, "network": {"unet": {}}}"#)
        .unwrap();
    succeeded(train(path, "unet", &[&images[..], &["--config", "unet.json"]].concat()));
    assert_eq!(config(path, "unet")["network"], config(path, "data")["network"]);

    // Over a model that is there, a short file asks for what it says and nothing else.
    fs::write(path.join("more.json"), r#"{"training": {"epochs": 2}}"#).unwrap();
    let ran =
        succeeded(ddpm(path, &["train", "--model", "rate", "--config", "more.json", "--device", "cpu", "--json"]));
    assert_eq!(common::json(&ran)["epochs"], 2);
    let ran = ddpm(path, &["train", "--model", "rate", "--config", "data.json"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("seed is 0, not 3"), "{ran:?}");
}

#[test]
fn an_option_goes_over_the_file_and_a_model_that_is_there_says_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let of = ["--dataset", "painted-flowers", "--dataset-size", "16", "--image-size", "8"];
    succeeded(train(path, "m", &of));
    fs::copy(path.join("models/m/config.json"), path.join("c.json")).unwrap();
    succeeded(train(path, "larger", &["--config", "c.json", "--image-size", "16"]));
    assert_eq!(config(path, "larger")["network"]["unet"]["image_shape"], serde_json::json!([3, 16, 16]));
    // A file that contradicts itself is refused.
    let text = fs::read_to_string(path.join("c.json")).unwrap();
    let mut odd: Value = serde_json::from_str(&text).unwrap();
    odd["network"]["unet"]["image_shape"] = serde_json::json!([3, 12, 12]);
    fs::write(path.join("odd.json"), odd.to_string()).unwrap();
    let ran = train(path, "odd", &["--config", "odd.json"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("UnetConfig.image_shape: expected [3, 8, 8]"), "{ran:?}");

    let before = snapshot(path);
    for (options, says) in [
        (&["--image-size", "64"][..], "size is [8,8], not [64,64]"),
        (&["--image-size", "7x5"], "size is [8,8], not [7,5]"),
        (&["--timesteps", "0"], "timesteps is 5, not 0"),
        (&["--dataset", "mnist"], "dataset is \"painted-flowers\", not \"mnist\""),
        (&["--dataset", "moons"], "dataset is \"painted-flowers\", not \"moons\""),
    ] {
        let ran = ddpm(path, &[&["train", "--model", "m"], options].concat());
        assert!(ran.code == Some(1) && ran.stderr.contains(says), "{options:?}: {ran:?}");
        assert!(
            ran.stderr.contains("made with another configuration") && !ran.stderr.contains("--image-size"),
            "{ran:?}"
        );
        assert!(snapshot(path) == before, "{options:?} changed something");
    }
}

#[test]
fn what_is_shortened_or_left_out_is_said_also_beside_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    images(&path.join("p"), 40);
    let of = ["--dataset", "image-folder", "--data-dir", "p", "--image-size", "8", "--json"];
    let ran = succeeded(train(path, "m", &of));
    common::json(&ran);
    assert!(ran.stderr.contains("the warm-up takes 1 of the training's 5 steps, not the usual 500"), "{ran:?}");
    assert!(ran.stderr.contains("5 samples are held out from training, not 128"), "{ran:?}");
    assert!(!ran.stderr.contains("left out") && ran.stderr.contains("40 images of 3 x 8 x 8"), "{ran:?}");
    // It stays what it was when the training goes on.
    let ran = succeeded(ddpm(path, &["train", "--model", "m", "--epochs", "9", "--json", "--device", "cpu"]));
    assert!(!ran.stderr.contains("the warm-up") && config(path, "m")["training"]["warmup_steps"] == 1, "{ran:?}");
    let chosen = ["--warmup-steps", "50", "--dataset-size", "16", "--validation-samples", "0"];
    let ran = succeeded(train(path, "chosen", &[&of[..], &chosen].concat()));
    assert!(ran.stderr.contains("warning: the warm-up of 50 steps is longer than the training of 2"), "{ran:?}");
    assert!(ran.stderr.contains("16 of 40 images are used"), "{ran:?}");
    assert_eq!(config(path, "chosen")["training"]["warmup_steps"], 50);
    let more =
        ["--dataset-size", "50", "--batch-size", "64", "--timesteps", "5", "--epochs", "1", "--base-channels", "8"];
    let more = [&["train", "--model", "more", "--sample-amount", "0", "--device", "cpu"], &of[..], &more].concat();
    let ran = succeeded(ddpm(path, &more));
    assert!(ran.stderr.contains("only 40 samples are available, not 50"), "{ran:?}");
    assert!(
        ran.stderr.contains("batches contain all 35 samples, which are fewer than the batch size of 64"),
        "{ran:?}"
    );
}

#[test]
fn a_training_that_is_extended_is_told_where_its_learning_rate_jumps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let of =
        ["--dataset", "moons", "--dataset-size", "64", "--batch-size", "8", "--sample-amount", "0", "--device", "cpu"];
    let train = |more: &[&str]| succeeded(ddpm(path, &[&["train", "--model", "m"], &of[..], more].concat()));
    assert!(!train(&["--epochs", "2"]).stderr.contains("learning rate"));
    let ran = train(&["--epochs", "4"]);
    assert!(ran.stderr.contains("warning: after 2 of 2 epochs the learning rate had fallen"), "{ran:?}");
    assert!(ran.stderr.contains("(--learning-rate-from-epoch 2)"), "{ran:?}");
    let ran = train(&["--epochs", "6", "--learning-rate-from-epoch", "4"]);
    assert!(!ran.stderr.contains("learning rate"), "{ran:?}");
    assert_eq!(config(path, "m")["training"]["learning_rate_from_epoch"], 4);
}

#[test]
fn a_new_model_has_the_best_design_unless_parts_of_one_are_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let process = |name: &str, epochs: &str, options: &[&str]| {
        let of = ["--dataset", "moons", "--dataset-size", "64", "--sample-amount", "0", "--device", "cpu"];
        succeeded(ddpm(path, &[&["train", "--model", name, "--epochs", epochs], &of[..], options].concat()));
        config(path, name)["training"]["process"]["name"].as_str().unwrap_or("discrete").to_owned()
    };
    assert_eq!(process("default", "1", &[]), "edm");
    assert_eq!(process("flow", "1", &["--design", "flow"]), "flow");
    assert_eq!(process("ddpm", "1", &["--design", "ddpm"]), "discrete");
    assert_eq!(process("ddpm", "2", &[]), "discrete", "an existing model keeps its design");
    assert_eq!(process("steps", "1", &["--timesteps", "8"]), "discrete");
    assert_eq!(process("v", "1", &["--parameterization", "v"]), "discrete");
    assert_eq!(process("mixed", "1", &["--design", "edm", "--process", "vp"]), "vp");
    fs::write(path.join("part.json"), r#"{"training": {"timesteps": 8}}"#).unwrap();
    assert_eq!(process("file", "1", &["--config", "part.json"]), "discrete");
    let before = snapshot(path);
    let refused = ddpm(path, &["train", "--model", "new", "--dataset", "moons", "--design", "edm", "--timesteps", "8"]);
    assert!(
        refused.code != Some(0) && refused.stderr.contains("--timesteps is for the discrete process (--design ddpm)"),
        "{refused:?}"
    );
    assert_eq!(snapshot(path), before);
}

#[test]
fn all_images_are_taken_unless_fewer_are_asked_for() {
    let painted = ModelConfig::for_dataset(Dataset::from_name("flowers").unwrap(), DeviceChoice::Cpu).unwrap();
    assert_eq!(painted.base.dataset_size, BaseConfig::ALL);
    let points = ModelConfig::for_dataset(Dataset::default(), DeviceChoice::Cpu).unwrap();
    assert_eq!(points.base.dataset_size, 100_000);
    // What an older model has is kept.
    let old: BaseConfig = serde_json::from_str(r#"{"dataset": {"name": "flowers"}, "dataset_size": 100000}"#).unwrap();
    assert_eq!(old.dataset_size, 100_000);
}

#[test]
fn data_that_has_moved_is_found_where_it_is_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    images(&path.join("p"), 24);
    succeeded(train(path, "m", &["--dataset", "image-folder", "--data-dir", "p", "--image-size", "8"]));
    fs::rename(path.join("p"), path.join("q")).unwrap();
    let nearest = ["sample", "--model", "m", "--n", "2", "--out", "s.npy", "--nearest", "n.png", "--device", "cpu"];
    let evaluate = ["evaluate", "--model", "m", "--device", "cpu"];
    let again = ["train", "--model", "m", "--epochs", "2", "--device", "cpu"];
    for command in [&nearest[..], &evaluate, &again] {
        let before = snapshot(path);
        let ran = ddpm(path, command);
        assert!(
            ran.code == Some(1) && ran.stderr.contains("no folder p") && ran.stderr.contains("--data-dir"),
            "{ran:?}"
        );
        assert!(snapshot(path) == before);
        succeeded(ddpm(path, &[command, &["--data-dir", "q"]].concat()));
    }
    assert_eq!(config(path, "m")["base"]["dataset"]["path"], "q");
    let ran = succeeded(ddpm(path, &["sample", "--model", "m", "--n", "2", "--out", "s.npy", "--data-dir", "q"]));
    assert!(ran.stderr.contains("without --nearest"), "{ran:?}");
    succeeded(train_tiny(path, "points", &[]));
    let ran = ddpm(path, &["evaluate", "--model", "points", "--data-dir", "q"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("has no --data-dir"), "{ran:?}");
}
