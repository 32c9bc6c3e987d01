//! Checkpoints of the original Python tutorial on the command line: in, through the network, and out again.

mod common;

use std::collections::BTreeMap;

use common::{ddpm, fixture, json, succeeded, tensors};
use ddpm_tutor::prelude::*;

#[test]
fn the_command_line_imports_predicts_and_exports() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| succeeded(ddpm(folder.path(), arguments));
    let file = fixture("original/unet/ckpt.tar");
    let ran = run(&["import", file.to_str().unwrap(), "--model", "unet", "--timesteps", "500", "--json"]);
    assert_eq!(json(&ran)["timesteps"], 499);
    let file = fixture("original/fnn/ckpt.tar");
    let ran = run(&["import", file.to_str().unwrap(), "--model", "fnn", "--dataset", "swiss-roll"]);
    assert!(ran.stdout.contains("FNN, hidden widths [128, 128, 128], time embedding 16, T = 39"), "{ran:?}");

    let outputs = Tensor::read_safetensors(fixture("original/fnn/outputs.safetensors")).unwrap();
    let outputs: BTreeMap<String, Tensor> = outputs.into_iter().collect();
    outputs["x"].to_kind(Kind::Double).write_npy(folder.path().join("x.npy")).unwrap();
    outputs["t"].to_kind(Kind::Int).write_npy(folder.path().join("t.npy")).unwrap();
    let predict = ["predict", "--model", "fnn", "--x", "x.npy", "--t", "t.npy", "--out", "eps.npy", "--device", "cpu"];
    assert!(run(&predict).stdout.contains("[6, 2]"));
    let ours = Tensor::read_npy(folder.path().join("eps.npy")).unwrap();
    assert!((ours - &outputs["eps"]).abs().max().double_value(&[]) <= 1e-5);

    run(&["evaluate", "--model", "fnn", "--n", "100", "--repeats", "1"]);
    run(&["export", "--model", "fnn", "--out", "fnn.safetensors"]);
    run(&["import", "fnn.safetensors", "--model", "again"]);
    let ckpt = |name: &str| folder.path().join("models").join(name).join("checkpoints/epoch_0000.safetensors");
    assert!(tensors(&ckpt("fnn")) == tensors(&ckpt("again")));
    let train = ddpm(folder.path(), &["train", "--model", "fnn", "--device", "cpu"]);
    assert_eq!(train.code, Some(1));
    assert!(train.stderr.contains("only weights") && train.stderr.contains("--from fnn"), "{train:?}");
    // Refused, it changes nothing, not even what a training may change.
    let before = common::snapshot(folder.path());
    assert_eq!(ddpm(folder.path(), &["train", "--model", "fnn", "--epochs", "500", "--device", "cpu"]).code, Some(1));
    assert!(common::snapshot(folder.path()) == before);
}

#[test]
fn weights_are_imported_with_a_data_set_of_their_size() {
    let folder = tempfile::tempdir().unwrap();
    let described = fixture("original/unet/ckpt.tar");
    let alone = folder.path().join("w.tar");
    std::fs::copy(&described, &alone).unwrap();
    let import = |file: &std::path::Path, name: &str, options: &[&str]| {
        ddpm(folder.path(), &[&["import", file.to_str().unwrap(), "--model", name], options].concat())
    };
    for (n, (file, options, size)) in [
        (&described, &["--dataset", "painted-flowers"][..], [12, 16]),
        (&described, &["--dataset", "image-folder", "--image-size", "12x16"], [12, 16]),
        (&alone, &["--dataset", "cifar10", "--image-size", "16"], [16, 16]),
        (&alone, &["--dataset", "cifar100"], [32, 32]),
        (&alone, &["--dataset", "flowers", "--image-size", "12X16"], [12, 16]),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("m{n}");
        succeeded(import(file, &name, options));
        let config = ModelConfig::read(&folder.path().join("models").join(&name).join("config.json")).unwrap();
        assert_eq!(config.base.dataset.shape(), [3, size[0], size[1]], "{options:?}");
    }
    for (file, options, words) in [
        (
            &described,
            &["--image-size", "16"][..],
            &["--image-size: expected 12 x 16, as in ", "config.json, got 16 x 16"][..],
        ),
        (&alone, &["--dataset", "mnist"], &["mnist has images of 1 channel, but these weights take 3"]),
        (&alone, &["--dataset", "moons"], &["does not take points", "these networks do: fnn"]),
        (&alone, &["--image-size", "12.5"], &["--image-size", "32x48"]),
        (&alone, &["--image-size", "0"], &["--image-size: expected", "sides of 1 to 4096"]),
        (&alone, &["--image-size", "13"], &["--image-size: expected sides", "12 x 12 or 14 x 14"]),
    ] {
        let ran = import(file, "refused", options);
        assert!(ran.code.is_some_and(|code| code > 0) && words.iter().all(|word| ran.stderr.contains(word)), "{ran:?}");
        assert!(!folder.path().join("models/refused").exists());
    }
}
