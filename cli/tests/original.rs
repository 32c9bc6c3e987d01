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
    assert!(train.stderr.contains("weights only") && train.stderr.contains("--from fnn"), "{train:?}");
}
